"""What is signed: EIP-712 typed data, digests, signatures and recovery."""

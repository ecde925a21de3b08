"""What stands on the chain, byte for byte: logs and their events, claims, their tree, batches."""

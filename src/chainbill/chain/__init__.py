"""The chain: committed ABIs and deployments, typed clients, the batch codec, the sender and the devnet."""

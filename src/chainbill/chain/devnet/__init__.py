"""The embedded devnet: anvil, its clock, and gas for the asking."""

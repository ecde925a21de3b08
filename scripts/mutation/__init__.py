"""Small wrong changes to the contracts, and whether the tests notice them. `scripts/mutate.py` runs it."""

"""``chainbill governor``."""

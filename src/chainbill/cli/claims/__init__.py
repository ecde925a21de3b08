"""``chainbill claims``."""

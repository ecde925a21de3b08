"""``chainbill audit``."""

"""``chainbill provider``."""

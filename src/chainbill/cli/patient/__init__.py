"""``chainbill patient``."""

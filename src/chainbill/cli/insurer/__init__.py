"""``chainbill insurer``."""

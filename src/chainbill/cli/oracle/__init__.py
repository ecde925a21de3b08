"""``chainbill oracle``."""

"""The ledger that everybody reads: every account and claim, rebuilt from the contracts' logs alone."""

"""The audit: prices every claim of the ledger again, and compares with contract state.

An auditor needs a node and the addresses of a deployment; no key and no record.
"""

"""chainbill: pay for care one event at a time. Attested, adjudicated and settled on chain."""

LAYERS = (
    "errors",
    "money",
    "protocol_constants",
    "billing",
    "records",
    "attestation",
    "chain",
    "ledger",
    "oracle",
    "state",
    "audit",
    "statements",
    "interop",
    "operations",
    "client",
    "scenario",
    "web",
    "cli",
)
"""The package's parts from the bottom up: each imports only itself and what stands before it."""

"""chainbill: pay for care one event at a time. Attested, adjudicated and settled on chain."""

LAYERS = (
    "errors",
    "money",
    "billing",
    "records",
    "attestation",
    "chain",
    "oracle",
    "audit",
    "statements",
    "interop",
    "settings",
    "scenario",
    "web",
    "cli",
)
"""The package's parts from the bottom up: each imports only itself and what stands before it."""

"""Keccak-256 through the fast backend, whatever ``ETH_HASH_BACKEND`` says."""

from __future__ import annotations

from eth_hash.backends.pysha3 import backend

keccak256 = backend.keccak256
"""``keccak256(data) -> 32 bytes``; eth-hash's default backend is four times slower."""

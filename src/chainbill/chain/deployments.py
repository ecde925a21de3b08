"""Where the contracts are, recorded per chain id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from eth_utils.address import is_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from chainbill.errors import NotDeployed
from chainbill.records.repeated_keys import refuse_repeated_keys


def _checksummed(value: str) -> str:
    if not is_checksum_address(value):
        raise ValueError(f"{value!r} is not a checksummed address")
    return value


Address = Annotated[str, AfterValidator(_checksummed)]
"""An EIP-55 checksummed address."""


class Deployment(BaseModel):
    """One deployment of the whole protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chain_id: int
    block: int
    """The block of the first contract: indexing starts here."""
    governance: Address
    token: Address
    registry: Address
    escrow: Address
    payers: Address
    settlement: Address


def save_deployment(directory: Path, deployment: Deployment) -> Path:
    """Write ``<chain id>.json`` into ``directory``, replacing an older record atomically."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / f"{deployment.chain_id}.json"
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(deployment.model_dump(), indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def load_deployment(
    directory: Path, chain_id: int, *, hint: str = "start a devnet: chainbill devnet up"
) -> Deployment:
    """Read the deployment of a chain; ``hint`` is what to do where there is none.

    Raises:
        NotDeployed: none is recorded, or the record cannot be read.
    """
    path = directory / f"{chain_id}.json"
    try:
        content = path.read_bytes()
        refuse_repeated_keys(content, f"the deployment record {path}", NotDeployed)
        return Deployment.model_validate_json(content)
    except FileNotFoundError:
        raise NotDeployed(f"chainbill is not deployed on chain {chain_id}", hint=hint) from None
    except OSError as error:
        raise NotDeployed(f"the deployment record {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise NotDeployed(f"{path.name} is not a deployment record: {error.error_count()} errors") from None

"""Where the contracts are, recorded per chain id."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from eth_utils.address import is_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from chainbill.errors import NotDeployed, quoted
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.stated import Stated


@lru_cache(maxsize=1024)
def _checksummed(value: str) -> str:
    """The same addresses are read again and again, and each takes a hash to check."""
    if not is_checksum_address(value):
        raise ValueError(f"{quoted(value)} is not a checksummed address")
    return value


Address = Annotated[str, AfterValidator(_checksummed)]
"""An EIP-55 checksummed address."""


class Way(StrEnum):
    """How a contract gets its address."""

    CREATE = "create"
    """From the deployer's address and nonce."""
    CREATE2 = "create2"
    """From its code and a salt, by the deterministic deployment proxy: the same on every chain."""
    EXISTING = "existing"
    """It was there before."""


class Created(BaseModel):
    """How a contract of a deployment came to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: str
    """Its Solidity name; of a token that was there before, ``token``."""
    address: Address
    code_hash: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
    """keccak256 of its code on chain."""
    way: Way
    block: int | None = None
    """Of its creation; None where that is not known, or was not this deployment's."""
    transaction: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")] | None = None
    """Hash of what created it; as ``block``."""


class Making(BaseModel):
    """How a deployment was made, and so what the chain is held to by ``chainbill deploy verify``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    """Version of chainbill."""
    compiler: dict[str, str | int | bool]
    """Version of solc and its settings."""
    deployer: Address
    contracts: dict[str, Created]
    """By what each is in the protocol: ``governance``, ``token``, …, ``settlement``, and whose code that
    runs besides its own: ``extension`` and ``admin``."""
    test_token: bool
    """Is the token DevUSD, which its governor makes at will?"""
    salt: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")] | None = None
    """What the addresses by CREATE2 depend on besides code and governor; None: there are none."""
    governor: Address
    """In every role."""
    admin_delay_seconds: int
    registrar_delay_seconds: int
    oracle_members: tuple[Address, ...]
    """Of the first epoch, in ascending order."""
    oracle_threshold: int


class Deployment(Stated):
    """One deployment of the whole protocol."""

    chain_id: int
    block: int
    """The block of the first contract: indexing starts here."""
    governance: Address
    token: Address
    registry: Address
    escrow: Address
    payers: Address
    settlement: Address
    made: Making | None = None
    """How; None of one that was recorded before that was kept."""

    def __hash__(self) -> int:
        """What is remembered of a deployment is remembered by where it is: what tells how it was made holds
        dictionaries."""
        return hash((self.chain_id, self.block, self.settlement))

    def addresses(self) -> dict[str, str]:
        """Every contract's address by what it is in the protocol."""
        return {name: getattr(self, name) for name in CONTRACT_NAMES}


CONTRACT_NAMES = ("governance", "token", "registry", "escrow", "payers", "settlement")
"""What the contracts of a deployment are in the protocol."""


def save_deployment(directory: Path, deployment: Deployment) -> Path:
    """Write ``<chain id>.json`` into ``directory``, replacing an older record atomically."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / f"{deployment.chain_id}.json"
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(deployment_text(deployment), encoding="utf-8")
    temporary.replace(path)
    return path


def deployment_text(deployment: Deployment) -> str:
    """A record as it is kept and handed to others: JSON."""
    return json.dumps(deployment.model_dump(mode="json", exclude_none=True), indent=2) + "\n"


def load_deployment(
    directory: Path, chain_id: int, *, hint: str = "start a devnet: chainbill devnet up"
) -> Deployment:
    """Read the deployment of a chain; ``hint`` is what to do where there is none.

    Raises:
        NotDeployed: none is recorded, or the record cannot be read.
    """
    path = directory / f"{chain_id}.json"
    if not path.exists():
        raise NotDeployed(f"chainbill is not deployed on chain {chain_id}", hint=hint)
    return read_deployment(path)


def read_deployment(path: Path) -> Deployment:
    """Read a record of a deployment, such as the ``deployment.json`` that ``chainbill deploy`` writes.

    Raises:
        NotDeployed: it is not there, or cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotDeployed(f"the deployment record {path} cannot be read: {error.strerror}") from None
    refuse_repeated_keys(content, f"the deployment record {path}", NotDeployed)
    try:
        return Deployment.model_validate_json(content)
    except ValidationError as error:
        raise NotDeployed(f"{path.name} is not a deployment record: {error.error_count()} errors") from None

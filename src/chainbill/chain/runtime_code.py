"""What the code of each contract of a deployment must be, to the byte: the package's, with the immutables
that follow from the addresses of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from chainbill.chain.artifacts import Artifact, load_artifact
from chainbill.chain.contracts.payer_factory import payer_creation_code
from chainbill.records.hashing import keccak256

_WORD = 32

_DOMAIN_TYPE = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_EIP712_NAMES = {"DevUSD": "Dev USD"}
"""What a contract is called in its EIP-712 domain, where not ``chainbill``. The version is 1."""


DELEGATES = {"ClaimSettlement": "extensionCode", "SettlementExtension": "adminCode"}
"""The immutable of a contract, by its Solidity name, that names whose code it runs besides its own."""


@dataclass(frozen=True, slots=True)
class ForeignCode:
    """How the code at an address differs from the package's."""

    what: str
    """``code``, or the name of the immutable that is another."""
    expected: str
    found: str


def delegate_in(contract: str, code: bytes) -> str | None:
    """Whose code a contract of ``DELEGATES`` runs where it does not act itself, by the immutable in its own
    code; None where that is not the package's."""
    artifact = load_artifact(contract)
    if _masked(artifact, code) != artifact.runtime:
        return None
    place = artifact.immutables[DELEGATES[contract]][0]
    return to_checksum_address(code[place + _WORD - 20 : place + _WORD])


def differences(
    contract: str, code: bytes, address: str, at: Mapping[str, str], chain_id: int
) -> tuple[ForeignCode, ...]:
    """How ``code`` differs from that of a contract of a deployment; empty where it is the same to the byte.

    Args:
        contract: its Solidity name.
        address: where the code stands.
        at: where the deployment's contracts are, by what they are in the protocol; for settlement and its
            extension, where the extension and the admin are, too.
    """
    artifact = load_artifact(contract)
    if not code:
        return (ForeignCode("code", f"{contract} of this package", "none"),)
    if _masked(artifact, code) != artifact.runtime:
        return (ForeignCode("code", f"{contract} of this package", f"{len(code)} bytes of other code"),)
    wanted = _immutables(contract, address, at, chain_id)
    found = []
    for name, places in artifact.immutables.items():
        words = {code[place : place + _WORD] for place in places}
        if words != {wanted[name]}:
            shown = ", ".join(sorted(f"0x{word.hex()}" for word in words))
            found.append(ForeignCode(name, f"0x{wanted[name].hex()}", shown))
    return tuple(found)


def _masked(artifact: Artifact, code: bytes) -> bytes:
    """The code with zeros where its immutables stand; other code is as it is."""
    if len(code) != len(artifact.runtime):
        return code
    masked = bytearray(code)
    for places in artifact.immutables.values():
        for place in places:
            masked[place : place + _WORD] = bytes(_WORD)
    return bytes(masked)


def _immutables(contract: str, address: str, at: Mapping[str, str], chain_id: int) -> dict[str, bytes]:
    """Every immutable's 32 bytes by its name."""
    name, own = _EIP712_NAMES.get(contract, "chainbill"), _address(address)
    hashed_name, hashed_version = keccak256(name.encode()), keccak256(b"1")
    payer_code_hash = keccak256(payer_creation_code())
    domain = encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [_DOMAIN_TYPE, hashed_name, hashed_version, chain_id, address],
    )
    behind = {f"{name}Code": _address(at[name]) for name in ("extension", "admin") if name in at}
    return behind | {
        "token": _address(at["token"]),
        "escrow": _address(at["escrow"]),
        "payers": _address(at["payers"]),
        "registry": _address(at["registry"]),
        "settlement": _address(at["settlement"]),
        "payerCodeHash": payer_code_hash,
        "_payerCodeHash": payer_code_hash,
        "_self": own,
        # OpenZeppelin's EIP712.
        "_cachedThis": own,
        "_cachedChainId": chain_id.to_bytes(_WORD, "big"),
        "_cachedDomainSeparator": keccak256(domain),
        "_hashedName": hashed_name,
        "_hashedVersion": hashed_version,
        "_name": _short_string(name),
        "_version": _short_string("1"),
    }


def _address(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x")).rjust(_WORD, b"\0")


def _short_string(text: str) -> bytes:
    """As OpenZeppelin's ShortStrings keeps up to 31 bytes: padded, with the length in the last byte."""
    return text.encode().ljust(_WORD - 1, b"\0") + bytes([len(text)])

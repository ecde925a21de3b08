"""`DevUSD`: six decimals, minted by the governor, moved by permit (ERC-2612) and authorization (ERC-3009)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from tests.support.deployment import HOUR, NOW, ZERO_ADDRESS, Protocol, account
from tests.support.evm import Contract, Receipt, reverts

from chainbill.attestation.signing import CURVE_ORDER
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

NONCE = keccak256(b"one authorization")
MOVE_FIELDS = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)
CANCEL_FIELDS = (("authorizer", "address"), ("nonce", "bytes32"))
PERMIT_FIELDS = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)


def sign(
    protocol: Protocol, struct: str, fields: tuple[tuple[str, str], ...], message: dict[str, Any], signer: str
) -> bytes:
    """Sign a struct of the token's domain, through eth-account."""
    signable = encode_typed_data(
        domain_data={
            "name": "Dev USD",
            "version": "1",
            "chainId": protocol.evm.chain_id,
            "verifyingContract": protocol.token.address,
        },
        message_types={struct: [{"name": name, "type": kind} for name, kind in fields]},
        message_data=message,
    )
    return bytes(Account.sign_message(signable, account(signer).key).signature)


@dataclass
class Authorization:
    """A signed transfer of one dollar to the stranger, of `late`'s unless said otherwise."""

    protocol: Protocol
    verb: str
    valid_after: int = NOW - 1
    valid_before: int = NOW + HOUR
    signer: str = "late"
    struct: str = ""
    owner: str = ""

    def words(self) -> tuple[Any, ...]:
        owner, to = self.owner or self.protocol.late, self.protocol.stranger
        return owner, to, DOLLAR, self.valid_after, self.valid_before, NONCE

    def signature(self) -> bytes:
        message = dict(zip((name for name, _ in MOVE_FIELDS), self.words(), strict=True))
        struct = self.struct or self.verb[0].upper() + self.verb[1:]
        return sign(self.protocol, struct, MOVE_FIELDS, message, self.signer)

    def send(self, caller: str | None = None, signature: bytes | None = None, **changes: Any) -> None:
        names = [name for name, _ in MOVE_FIELDS]
        words = {**dict(zip(names, self.words(), strict=True)), **changes}
        arguments = [words[name] for name in names]
        signed = self.signature() if signature is None else signature
        self.protocol.token.send(caller or self.protocol.stranger, self.verb, *arguments, signed)


@pytest.fixture(params=["transferWithAuthorization", "receiveWithAuthorization"])
def authorization(request: pytest.FixtureRequest, protocol: Protocol) -> Authorization:
    protocol.mint(protocol.late, 5 * DOLLAR)
    return Authorization(protocol, request.param)


def is_used(protocol: Protocol, nonce: bytes = NONCE) -> bool:
    return bool(protocol.token.read("authorizationState", protocol.late, nonce))


# ---- authorizations ---------------------------------------------------------------------------------------


def test_authorization__signed_by_its_owner__moves_the_tokens_once(
    authorization: Authorization, protocol: Protocol
) -> None:
    authorization.send()
    assert protocol.tokens(protocol.stranger) == DOLLAR
    assert is_used(protocol)
    with reverts("AuthorizationUsedOrCanceled", authorizer=protocol.late):
        authorization.send()
    assert protocol.tokens(protocol.stranger) == DOLLAR


def test_transfer_with_authorization__anyone__may_submit(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    Authorization(protocol, "transferWithAuthorization").send(caller=protocol.governor)
    assert protocol.tokens(protocol.stranger) == DOLLAR


def test_receive_with_authorization__anybody_but_the_payee__reverts(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    for caller in (protocol.governor, protocol.late, protocol.insurer):
        with reverts("CallerMustBePayee", caller=caller, payee=protocol.stranger):
            Authorization(protocol, "receiveWithAuthorization").send(caller=caller)


@pytest.mark.parametrize("late, valid", [(-1, False), (0, False), (1, True)])
def test_authorization__around_valid_after__strictly_later(
    authorization: Authorization, late: int, valid: bool
) -> None:
    authorization.valid_after = NOW - late
    if valid:
        authorization.send()
    else:
        with reverts("AuthorizationNotYetValid", validAfter=NOW - late, now=NOW):
            authorization.send()


@pytest.mark.parametrize("late, valid", [(-1, True), (0, False), (1, False)])
def test_authorization__around_valid_before__strictly_earlier(
    authorization: Authorization, late: int, valid: bool
) -> None:
    authorization.valid_before = NOW - late
    if valid:
        authorization.send()
    else:
        with reverts("AuthorizationExpired", validBefore=NOW - late, now=NOW):
            authorization.send()


def test_authorization__signed_by_another__reverts(authorization: Authorization, protocol: Protocol) -> None:
    authorization.signer = "stranger"
    with reverts("InvalidAuthorizationSignature", authorizer=protocol.late):
        authorization.send()
    assert not is_used(protocol)


CHANGES: dict[str, Any] = {
    "value": DOLLAR + 1,
    "validAfter": NOW - 2,
    "validBefore": NOW + HOUR + 1,
    "nonce": keccak256(b"another"),
}


@pytest.mark.parametrize("field, value", CHANGES.items())
def test_authorization__changed_after_signing__reverts(
    authorization: Authorization, field: str, value: Any
) -> None:
    with reverts("InvalidAuthorizationSignature"):
        authorization.send(**{field: value})


def test_transfer_with_authorization__payee_changed_after_signing__reverts(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    with reverts("InvalidAuthorizationSignature"):
        Authorization(protocol, "transferWithAuthorization").send(to=protocol.governor)


def test_authorization__signed_for_the_other_verb__reverts(authorization: Authorization) -> None:
    """A transfer anyone may submit and one only the payee may are different promises."""
    other = {"T": "ReceiveWithAuthorization", "R": "TransferWithAuthorization"}
    authorization.struct = other[authorization.verb[0].upper()]
    with reverts("InvalidAuthorizationSignature"):
        authorization.send()


def high_s(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    """ERC-2098: the parity bit in s."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda signature: b"",
    "64 bytes": lambda signature: signature[:64],
    "66 bytes": lambda signature: signature + b"\0",
    "all zero": lambda signature: bytes(65),
    "compact": compact,
    "high s": high_s,
    "v 0 or 1": lambda signature: signature[:64] + bytes([signature[64] - 27]),
}


@pytest.mark.parametrize("broken", MALFORMED.values(), ids=MALFORMED)
def test_authorization__malformed_signature__reverts(
    authorization: Authorization, broken: Callable[[bytes], bytes]
) -> None:
    with reverts("InvalidAuthorizationSignature", authorizer=authorization.protocol.late):
        authorization.send(signature=broken(authorization.signature()))


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\x01" * 64 + b"\x1b"])
def test_authorization__of_nobody__reverts(authorization: Authorization, signature: bytes) -> None:
    with reverts("InvalidAuthorizationSignature", authorizer=ZERO_ADDRESS):
        authorization.send(signature=signature, **{"from": ZERO_ADDRESS})


def test_authorization__more_than_owned__reverts_and_stays_unused(protocol: Protocol) -> None:
    with reverts("ERC20InsufficientBalance", balance=0, needed=DOLLAR):
        Authorization(protocol, "transferWithAuthorization").send()
    assert not is_used(protocol)


# ---- wallets that are contracts ---------------------------------------------------------------------------


@pytest.fixture
def wallet(protocol: Protocol) -> Contract:
    """A contract (ERC-1271) with five dollars that signs with the key of `late`."""
    deployed = protocol.evm.deploy(protocol.stranger, "ContractWallet", protocol.late)
    protocol.mint(deployed.address, 5 * DOLLAR)
    return deployed


def probe(wallet: Contract, target: Contract, success: bool, answer: bytes, calldata: bytes) -> None:
    """Asked about a signature, the wallet makes this call, and signs only if it ends so."""
    wallet.send("0x" + "11" * 20, "setProbe", target.address, calldata, success, answer)


def test_authorization__of_a_wallet_that_agrees__moves_its_tokens(
    authorization: Authorization, wallet: Contract
) -> None:
    protocol, authorization.owner = authorization.protocol, wallet.address
    authorization.send()
    assert protocol.tokens(protocol.stranger) == DOLLAR
    assert protocol.tokens(wallet.address) == 4 * DOLLAR
    with reverts("AuthorizationUsedOrCanceled", authorizer=wallet.address):
        authorization.send()


def test_authorization__of_a_wallet_that_refuses__reverts(
    authorization: Authorization, wallet: Contract
) -> None:
    authorization.owner, authorization.signer = wallet.address, "stranger"
    with reverts("InvalidAuthorizationSignature", authorizer=wallet.address):
        authorization.send()


def test_authorization__while_a_wallet_is_asked__is_spent(
    authorization: Authorization, wallet: Contract
) -> None:
    token, authorization.owner = authorization.protocol.token, wallet.address
    asked = token.functions["authorizationState"].encode((wallet.address, NONCE))
    probe(wallet, token, True, (1).to_bytes(32, "big"), asked)
    authorization.send()


def test_authorization__a_wallet_that_re_enters__moves_its_tokens_once(
    authorization: Authorization, wallet: Contract
) -> None:
    protocol, authorization.owner = authorization.protocol, wallet.address
    again = protocol.token.functions["transferWithAuthorization"].encode(
        (*authorization.words(), authorization.signature())
    )
    used = keccak256(b"AuthorizationUsedOrCanceled(address,bytes32)")[:4]
    probe(wallet, protocol.token, False, used + bytes(12) + bytes.fromhex(wallet.address[2:]) + NONCE, again)
    authorization.send()
    assert protocol.tokens(protocol.stranger) == DOLLAR


# ---- cancelling -------------------------------------------------------------------------------------------


def cancel(protocol: Protocol, signer: str = "late") -> Receipt:
    authorizer = protocol.late
    message = {"authorizer": authorizer, "nonce": NONCE}
    signature = sign(protocol, "CancelAuthorization", CANCEL_FIELDS, message, signer)
    return protocol.token.send(protocol.governor, "cancelAuthorization", authorizer, NONCE, signature)


def test_cancel_authorization__signed_by_its_owner__cannot_be_used(
    authorization: Authorization, protocol: Protocol
) -> None:
    (log,) = cancel(protocol).logs
    assert log.topics == [
        keccak256(b"AuthorizationCanceled(address,bytes32)"),
        bytes.fromhex(protocol.late[2:]).rjust(32, b"\0"),
        NONCE,
    ]
    assert is_used(protocol)
    with reverts("AuthorizationUsedOrCanceled"):
        authorization.send()


def test_cancel_authorization__used_or_cancelled__reverts(protocol: Protocol) -> None:
    cancel(protocol)
    with reverts("AuthorizationUsedOrCanceled"):
        cancel(protocol)


def test_cancel_authorization__signed_by_another__reverts(protocol: Protocol) -> None:
    with reverts("InvalidAuthorizationSignature", authorizer=protocol.late):
        cancel(protocol, "stranger")
    assert not is_used(protocol)


# ---- permit -----------------------------------------------------------------------------------------------


def permit(protocol: Protocol, nonce: int, deadline: int = NOW, signer: str = "late") -> None:
    owner = protocol.late
    values = (owner, protocol.escrow.address, DOLLAR, nonce, deadline)
    message = dict(zip((name for name, _ in PERMIT_FIELDS), values, strict=True))
    signature = sign(protocol, "Permit", PERMIT_FIELDS, message, signer)
    r, s, v = signature[:32], signature[32:64], signature[64]
    protocol.token.send(
        protocol.stranger, "permit", owner, protocol.escrow.address, DOLLAR, deadline, v, r, s
    )


def test_permit__signed_by_its_owner__lets_the_escrow_pull_a_deposit(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    permit(protocol, 0)
    assert protocol.token.read("nonces", protocol.late) == 1
    protocol.escrow.send(protocol.late, "deposit", DOLLAR)
    assert protocol.balance(protocol.late) == DOLLAR


def test_permit__again_expired_or_by_another__reverts(protocol: Protocol) -> None:
    permit(protocol, 0)
    with reverts("ERC2612InvalidSigner"):
        permit(protocol, 0)
    with reverts("ERC2612ExpiredSignature", deadline=NOW - 1):
        permit(protocol, 1, deadline=NOW - 1)
    with reverts("ERC2612InvalidSigner", signer=protocol.stranger, owner=protocol.late):
        permit(protocol, 1, signer="stranger")


# ---- the token itself -------------------------------------------------------------------------------------


def test_mint__by_anybody_but_the_governor__reverts(protocol: Protocol) -> None:
    for caller in (protocol.patient, protocol.insurer, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.token.send(caller, "mint", caller, DOLLAR)


def test_mint__to_nobody__reverts(protocol: Protocol) -> None:
    with reverts("ERC20InvalidReceiver"):
        protocol.token.send(protocol.governor, "mint", ZERO_ADDRESS, DOLLAR)


def test_token__names_and_decimals(protocol: Protocol) -> None:
    assert protocol.token.read("decimals") == 6
    assert (protocol.token.read("name"), protocol.token.read("symbol")) == ("Dev USD", "devUSD")


@pytest.mark.parametrize(
    "type_string",
    [
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)",
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)",
        "CancelAuthorization(address authorizer,bytes32 nonce)",
    ],
)
def test_token__type_hashes_of_erc_3009__are_in_the_contract(protocol: Protocol, type_string: str) -> None:
    assert keccak256(type_string.encode()) in protocol.evm.code(protocol.token.address)


def test_token__authorization_selectors__are_those_of_usdc(protocol: Protocol) -> None:
    """USDC 2.2 has the same overloads with a signature of bytes: wallets and relays made for it work here."""
    selectors = {name: function.selector.hex() for name, function in protocol.token.functions.items()}
    assert selectors["transferWithAuthorization"] == "cf092995"
    assert selectors["receiveWithAuthorization"] == "88b7ab63"

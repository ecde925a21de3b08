"""`PatientEscrow.deposit` and its two signed forms: credit what arrived, to the one whose tokens it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.support.deployment import HOUR, NOTICE, NOW, PATIENT_FUNDS, ZERO_ADDRESS, Protocol, account
from tests.support.evm import Contract, Receipt, reverts

from chainbill.attestation.patient_intents import Permit, ReceiveWithAuthorization
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.format.events import PatientDeposited
from chainbill.errors import ContractReverted
from chainbill.money import DOLLAR, MAX_AMOUNT
from chainbill.records.hashing import keccak256


def token_domain(protocol: Protocol) -> Domain:
    return Domain(protocol.evm.chain_id, protocol.token.address, name="Dev USD")


# ---- by an allowance --------------------------------------------------------------------------------------


def test_deposit__approved_tokens__are_the_callers_balance(protocol: Protocol) -> None:
    protocol.mint(protocol.late, 10 * DOLLAR, protocol.escrow)
    receipt = protocol.escrow.send(protocol.late, "deposit", 4 * DOLLAR)
    assert receipt.of(PatientDeposited) == [PatientDeposited(protocol.late, 4 * DOLLAR)]
    assert protocol.balance(protocol.late) == 4 * DOLLAR
    assert protocol.tokens(protocol.late) == 6 * DOLLAR
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS
    protocol.assert_solvent()


def test_deposit__nothing__reverts(protocol: Protocol) -> None:
    with reverts("DepositOfNothing"):
        protocol.escrow.send(protocol.patient, "deposit", 0)


def test_deposit__more_than_approved__reverts(protocol: Protocol) -> None:
    protocol.token.send(protocol.governor, "mint", protocol.late, DOLLAR)
    protocol.token.send(protocol.late, "approve", protocol.escrow.address, DOLLAR - 1)
    with reverts("ERC20InsufficientAllowance", allowance=DOLLAR - 1, needed=DOLLAR):
        protocol.escrow.send(protocol.late, "deposit", DOLLAR)
    assert protocol.balance(protocol.late) == 0


def test_deposit__more_than_owned__reverts(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    protocol.token.send(protocol.late, "approve", protocol.escrow.address, 2 * DOLLAR)
    with reverts("ERC20InsufficientBalance", balance=DOLLAR, needed=DOLLAR + 1):
        protocol.escrow.send(protocol.late, "deposit", DOLLAR + 1)


def test_deposit__up_to_64_bits__and_not_beyond(protocol: Protocol) -> None:
    protocol.fund_patient(protocol.late, MAX_AMOUNT)
    assert protocol.balance(protocol.late) == MAX_AMOUNT
    protocol.mint(protocol.late, 1, protocol.escrow)
    with reverts("BalanceOverflow", balance=MAX_AMOUNT, amount=1):
        protocol.escrow.send(protocol.late, "deposit", 1)


def test_deposit__leaves_payers_and_limits_alone(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "setLimits", DOLLAR, 2 * DOLLAR)
    times = (NOW - 1, NOW, NOW + NOTICE)
    views = ("payersOf", "limitsOf")
    before = [protocol.escrow.read(view, protocol.patient, time) for view in views for time in times]
    protocol.fund_patient(protocol.patient, MAX_AMOUNT - PATIENT_FUNDS)
    assert [protocol.escrow.read(view, protocol.patient, time) for view in views for time in times] == before


def test_deposit__tokens_sent_without_it__are_nobodys(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    before = [protocol.balance(patient) for patient in protocol.patients()]
    protocol.token.send(protocol.late, "transfer", protocol.escrow.address, DOLLAR)
    assert [protocol.balance(patient) for patient in protocol.patients()] == before
    assert protocol.tokens(protocol.escrow.address) == sum(before) + DOLLAR
    with pytest.raises(ContractReverted):
        protocol.escrow.send(protocol.late, "requestWithdrawal", DOLLAR)


# ---- by a permit (ERC-2612) -------------------------------------------------------------------------------


def permit_for(protocol: Protocol, amount: int, **changes: Any) -> Permit:
    """The permit that `late` would sign to deposit this."""
    nonce = protocol.token.read("nonces", protocol.late)
    permit = Permit(protocol.late, protocol.escrow.address, amount, nonce, protocol.evm.now + HOUR)
    return replace(permit, **changes)


def signature_of(protocol: Protocol, permit: Permit, signer: str = "late") -> tuple[int, bytes, bytes]:
    signature = Signer(account(signer)).sign(permit.digest(token_domain(protocol)))
    return signature[64], signature[:32], signature[32:64]


def deposit_with_permit(
    protocol: Protocol, permit: Permit, amount: int | None = None, caller: str | None = None
) -> Receipt:
    words = signature_of(protocol, permit)
    return protocol.escrow.send(
        caller or protocol.late,
        "depositWithPermit",
        *(permit.value if amount is None else amount, permit.deadline, *words),
    )


def test_deposit_with_permit__no_allowance_before__is_credited(protocol: Protocol) -> None:
    protocol.mint(protocol.late, 2 * DOLLAR)
    receipt = deposit_with_permit(protocol, permit_for(protocol, DOLLAR))
    assert receipt.of(PatientDeposited) == [PatientDeposited(protocol.late, DOLLAR)]
    assert protocol.balance(protocol.late) == DOLLAR
    assert protocol.token.read("allowance", protocol.late, protocol.escrow.address) == 0
    protocol.assert_solvent()


def test_deposit_with_permit__used_by_another_first__is_credited_all_the_same(protocol: Protocol) -> None:
    """Whoever sees the transaction may submit its permit alone; that must not stop the deposit."""
    protocol.mint(protocol.late, DOLLAR)
    permit = permit_for(protocol, DOLLAR)
    words = (permit.owner, permit.spender, permit.value, permit.deadline, *signature_of(protocol, permit))
    protocol.token.send(protocol.stranger, "permit", *words)
    deposit_with_permit(protocol, permit)
    assert protocol.balance(protocol.late) == DOLLAR


@pytest.mark.parametrize(
    "changes",
    [
        {"deadline": NOW - 1},
        {"nonce": 1},
        {"spender": "0x" + "11" * 20},
        {"value": 2 * DOLLAR},
    ],
    ids=["expired", "another nonce", "another spender", "another amount"],
)
def test_deposit_with_permit__useless__the_allowance_decides(
    protocol: Protocol, changes: dict[str, Any]
) -> None:
    protocol.mint(protocol.late, 2 * DOLLAR)
    permit = permit_for(protocol, DOLLAR, **changes)
    with reverts("ERC20InsufficientAllowance", allowance=0, needed=DOLLAR):
        deposit_with_permit(protocol, permit, DOLLAR)
    protocol.token.send(protocol.late, "approve", protocol.escrow.address, DOLLAR)
    deposit_with_permit(protocol, permit, DOLLAR)
    assert protocol.balance(protocol.late) == DOLLAR


def test_deposit_with_permit__of_another__takes_nothing_from_it(protocol: Protocol) -> None:
    """The permit is tried for the caller alone, and the caller alone is charged."""
    protocol.mint(protocol.late, DOLLAR)
    with reverts("ERC20InsufficientAllowance"):
        deposit_with_permit(protocol, permit_for(protocol, DOLLAR), caller=protocol.stranger)
    assert protocol.tokens(protocol.late) == DOLLAR


def test_deposit_with_permit__token_knows_no_permit__the_allowance_decides(unruly: Protocol) -> None:
    unruly.mint(unruly.late, DOLLAR, unruly.escrow)
    unruly.escrow.send(unruly.late, "depositWithPermit", DOLLAR, NOW, 27, bytes(32), bytes(32))
    assert unruly.balance(unruly.late) == DOLLAR


# ---- by an authorization (ERC-3009) -----------------------------------------------------------------------


@dataclass
class Relayed:
    """A dollar of `late`'s that a stranger deposits for it."""

    protocol: Protocol
    authorization: ReceiveWithAuthorization
    signer: str = "late"

    def change(self, **changes: Any) -> None:
        self.authorization = replace(self.authorization, **changes)

    def signature(self) -> bytes:
        digest = self.authorization.digest(token_domain(self.protocol))
        return Signer(account(self.signer)).sign(digest)

    def send(self, signature: bytes | None = None, **changes: Any) -> Receipt:
        """Submit what was signed, or that with changes."""
        said = replace(self.authorization, **changes)
        signed = self.signature() if signature is None else signature
        return self.protocol.escrow.send(
            self.protocol.stranger,
            "depositWithAuthorization",
            *(said.owner, said.value, said.valid_after, said.valid_before, said.nonce, signed),
        )


@pytest.fixture
def relayed(protocol: Protocol) -> Relayed:
    protocol.mint(protocol.late, 5 * DOLLAR)
    nonce = keccak256(b"one deposit")
    words = (protocol.late, protocol.escrow.address, DOLLAR, NOW - 1, NOW + HOUR, nonce)
    return Relayed(protocol, ReceiveWithAuthorization(*words))


def test_deposit_with_authorization__anyone__credits_the_one_who_signed(relayed: Relayed) -> None:
    protocol = relayed.protocol
    receipt = relayed.send()
    assert receipt.of(PatientDeposited) == [PatientDeposited(protocol.late, DOLLAR)]
    assert (protocol.balance(protocol.late), protocol.balance(protocol.stranger)) == (DOLLAR, 0)
    assert protocol.tokens(protocol.late) == 4 * DOLLAR
    protocol.assert_solvent()


def test_deposit_with_authorization__twice__reverts(relayed: Relayed) -> None:
    relayed.send()
    with reverts("AuthorizationUsedOrCanceled", authorizer=relayed.protocol.late):
        relayed.send()


@pytest.mark.parametrize(
    "changes",
    [
        {"value": DOLLAR + 1},
        {"valid_after": NOW - 2},
        {"valid_before": NOW + HOUR + 1},
        {"nonce": keccak256(b"another")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_deposit_with_authorization__changed_after_signing__reverts(
    relayed: Relayed, changes: dict[str, Any]
) -> None:
    with reverts("InvalidAuthorizationSignature", authorizer=relayed.protocol.late):
        relayed.send(**changes)


def test_deposit_with_authorization__for_somebody_elses_tokens__reverts(relayed: Relayed) -> None:
    with reverts("InvalidAuthorizationSignature", authorizer=relayed.protocol.patient):
        relayed.send(owner=relayed.protocol.patient)
    with pytest.raises(ContractReverted):
        relayed.send(owner=ZERO_ADDRESS, signature=bytes(65))


def test_deposit_with_authorization__to_another_payee__reverts(relayed: Relayed) -> None:
    relayed.change(to=relayed.protocol.payer.address)
    with reverts("InvalidAuthorizationSignature"):
        relayed.send()


def test_deposit_with_authorization__a_promise_that_anyone_may_use__reverts(relayed: Relayed) -> None:
    """A transfer to the escrow that anybody may submit would leave the tokens nobody's."""
    fields = ("owner", "to", "value", "valid_after", "valid_before", "nonce")
    words = [getattr(relayed.authorization, name) for name in fields]
    protocol = relayed.protocol
    with reverts("CallerMustBePayee", caller=protocol.stranger, payee=protocol.escrow.address):
        protocol.token.send(protocol.stranger, "receiveWithAuthorization", *words, relayed.signature())


def test_deposit_with_authorization__nothing__reverts(relayed: Relayed) -> None:
    relayed.change(value=0)
    with reverts("DepositOfNothing"):
        relayed.send()


@pytest.mark.parametrize("late, valid", [(-1, False), (0, False), (1, True)])
def test_deposit_with_authorization__around_its_beginning__strictly_later(
    relayed: Relayed, late: int, valid: bool
) -> None:
    relayed.change(valid_after=NOW - late)
    if valid:
        relayed.send()
    else:
        with reverts("AuthorizationNotYetValid"):
            relayed.send()


@pytest.mark.parametrize("late, valid", [(-1, True), (0, False), (1, False)])
def test_deposit_with_authorization__around_its_end__strictly_earlier(
    relayed: Relayed, late: int, valid: bool
) -> None:
    relayed.change(valid_before=NOW - late)
    if valid:
        relayed.send()
    else:
        with reverts("AuthorizationExpired"):
            relayed.send()


def test_deposit_with_authorization__more_than_there_is_room_for__reverts(relayed: Relayed) -> None:
    protocol = relayed.protocol
    protocol.fund_patient(protocol.late, MAX_AMOUNT)
    with reverts("BalanceOverflow", balance=MAX_AMOUNT, amount=DOLLAR):
        relayed.send()
    assert protocol.tokens(protocol.late) == 5 * DOLLAR


def test_deposit_with_authorization__of_a_wallet_that_is_a_contract__is_credited(protocol: Protocol) -> None:
    wallet = protocol.evm.deploy(protocol.stranger, "ContractWallet", protocol.late)
    protocol.mint(wallet.address, DOLLAR)
    words = (wallet.address, protocol.escrow.address, DOLLAR, NOW - 1, NOW + HOUR, bytes(32))
    relayed = Relayed(protocol, ReceiveWithAuthorization(*words))
    with reverts("InvalidAuthorizationSignature", authorizer=wallet.address):
        Relayed(protocol, relayed.authorization, signer="stranger").send()
    relayed.send()
    assert protocol.balance(wallet.address) == DOLLAR


# ---- tokens that do not arrive ----------------------------------------------------------------------------


def by_allowance(protocol: Protocol) -> Receipt:
    return protocol.escrow.send(protocol.late, "deposit", DOLLAR)


def by_permit(protocol: Protocol) -> Receipt:
    words = (DOLLAR, NOW, 27, bytes(32), bytes(32))
    return protocol.escrow.send(protocol.late, "depositWithPermit", *words)


def by_authorization(protocol: Protocol) -> Receipt:
    words = (protocol.late, DOLLAR, NOW - 1, NOW + HOUR, bytes(32), b"")
    return protocol.escrow.send(protocol.stranger, "depositWithAuthorization", *words)


WAYS = [by_allowance, by_permit, by_authorization]


@pytest.mark.parametrize("way", WAYS)
def test_deposit__token_keeps_a_fee__reverts(unruly: Protocol, way: Any) -> None:
    unruly.token.send(unruly.stranger, "setFee", 1)
    unruly.mint(unruly.late, 2 * DOLLAR, unruly.escrow)
    with reverts("UnexpectedAmountReceived", expected=DOLLAR, received=DOLLAR - 100):
        way(unruly)
    assert unruly.balance(unruly.late) == 0


@pytest.mark.parametrize("way", WAYS)
def test_deposit__in_the_middle_of_the_transfer__nothing_is_owed_yet(unruly: Protocol, way: Any) -> None:
    """Whoever looks on while the token moves never sees a balance that the escrow does not hold."""
    unruly.mint(unruly.late, DOLLAR, unruly.escrow)
    assert seen_in_transfer(unruly, unruly.escrow, "balanceOf", unruly.late, during=way) == 0
    assert unruly.balance(unruly.late) == DOLLAR


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("again", WAYS)
def test_deposit__token_calls_a_deposit__is_refused(unruly: Protocol, way: Any, again: Any) -> None:
    unruly.mint(unruly.late, 2 * DOLLAR, unruly.escrow)
    arguments = {
        by_allowance: ("deposit", DOLLAR),
        by_permit: ("depositWithPermit", DOLLAR, NOW, 27, bytes(32), bytes(32)),
        by_authorization: ("depositWithAuthorization", unruly.late, DOLLAR, 0, NOW, bytes(32), b""),
    }[again]
    assert seen_in_transfer(unruly, unruly.escrow, *arguments, during=way) is None
    assert unruly.balance(unruly.late) == DOLLAR
    unruly.assert_solvent()


def seen_in_transfer(
    protocol: Protocol, target: Contract, function: str, *arguments: Any, during: Any
) -> Any:
    """What a call answers that the token makes in the middle of the next transfer; None: it was refused."""
    entry = target.functions[function]
    protocol.token.send(protocol.stranger, "setHook", 0, target.address, entry.encode(arguments))
    during(protocol)
    if not protocol.token.read("hookSucceeded"):
        return None
    return entry.decode(protocol.token.read("hookAnswer"))


@pytest.mark.parametrize("way", WAYS)
def test_deposit__a_withdrawal_announced__is_not_covered_by_it(unruly: Protocol, way: Any) -> None:
    unruly.fund_patient(unruly.late, 3 * DOLLAR)
    unruly.escrow.send(unruly.late, "requestWithdrawal", 3 * DOLLAR)
    unruly.mint(unruly.late, DOLLAR, unruly.escrow)
    way(unruly)
    assert unruly.escrow.read("withdrawalOf", unruly.late) == (3 * DOLLAR, DOLLAR, NOW + NOTICE)

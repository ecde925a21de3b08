"""The wallet that a patient's share of care is paid from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.attestation.patient_intents import Permit
from chainbill.attestation.signing import Signer
from chainbill.chain.contracts.escrow import Consent, Limits, Payers
from chainbill.chain.node.sender import Sender
from chainbill.chain.reads import Question
from chainbill.operations.actor import Actor
from chainbill.operations.balances import (
    Announcement,
    Deposit,
    PatientWallet,
    WithdrawalAnnounced,
    WithdrawalCalledOff,
    WithdrawalTaken,
)
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.patient.consents import learn_consents

_PERMIT_SECONDS = 3_600
"""How long a permit that is sent at once is good for."""


@dataclass(frozen=True, slots=True)
class WalletStanding:
    """What a patient has, and what it allows now; amounts in micro-dollars."""

    balance: int
    outside: int
    """What the account holds besides."""
    announced: Announcement | None
    """A withdrawal."""
    payers: Payers
    limits: Limits
    spent_today: int
    """Counted while there is a limit for a day."""
    consents: Mapping[int, Consent]
    """Those in force, by provider's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturesVoided(Change):
    """What was signed over a nonce can be sent no more."""

    nonce: int
    """The next one."""


def balance(patient: Actor) -> WalletStanding:
    """What the wallet holds, and whom it may pay how much, all at one block.

    Raises:
        ChainError: the node does not answer.
    """
    with patient.protocol.reads.held():
        return _balance(patient)


def _balance(patient: Actor) -> WalletStanding:
    session, address, protocol = patient.session, patient.address, patient.protocol
    wallet, escrow, now = PatientWallet(session, address), protocol.escrow, session.now()
    ids = learn_consents(
        patient,
        [
            *(Question(escrow, name, (address,)) for name in ("balanceOf", "withdrawalOf", "spentToday")),
            *(Question(escrow, name, (address, now)) for name in ("payersOf", "limitsOf")),
            Question(protocol.token, "balanceOf", (address,)),
        ],
    )
    return WalletStanding(
        balance=wallet.balance(),
        outside=session.protocol.token.balance_of(address),
        announced=wallet.announced(),
        payers=escrow.payers_of(address, now),
        limits=escrow.limits_of(address, now),
        spent_today=escrow.spent_today(address),
        consents={
            each: consent
            for each in ids
            if (consent := escrow.consent_of(address, each, now)).expires_at > now
        },
    )


def deposit(patient: Actor, amount: int) -> Deposit:
    """Put in ``amount`` (micro-dollars) of the account's own, once: what a run that was cut off had sent is
    not sent again.

    Raises:
        AmountError: nothing.
        HoldsTooLittle: the account holds less.
        ChainError: the chain refused it.
    """
    return _wallet(patient).deposit(patient, amount)


def deposit_with_permit(patient: Actor, amount: int) -> Deposit:
    """The same in one transaction, which carries the approval as a signature (ERC-2612); errors as
    ``deposit``."""

    def put(owner: Sender) -> TxReceipt:
        protocol = patient.protocol
        permit = Permit(
            owner=owner.address,
            spender=protocol.escrow.address,
            value=amount,
            nonce=protocol.token.nonce_of(owner.address),
            deadline=protocol.now() + _PERMIT_SECONDS,
        )
        signature = Signer(owner.account).sign(permit.digest(protocol.token_domain))
        return protocol.escrow.deposit_with_permit(owner, permit, signature)

    return _wallet(patient).deposit(patient, amount, put)


def request_withdrawal(patient: Actor, amount: int) -> WithdrawalAnnounced:
    """Announce that ``amount`` (micro-dollars) is to leave the wallet, in place of what was announced before.
    Announced already, its notice goes on.

    Raises:
        AmountError: nothing.
        ChainError: more than the balance.
    """
    return _wallet(patient).announce(patient, amount)


def cancel_withdrawal(patient: Actor) -> WithdrawalCalledOff:
    """Call the announced withdrawal off.

    Raises:
        ChainError: none is announced.
    """
    return _wallet(patient).cancel(patient)


def withdraw(patient: Actor) -> WithdrawalTaken:
    """Take the announced withdrawal, as far as charges since have left it.

    Raises:
        ChainError: none is announced, its notice is not over, it has lapsed, or nothing is left.
    """
    return _wallet(patient).take(patient)


def use_nonce(patient: Actor) -> SignaturesVoided:
    """Void what the patient has signed over the escrow's next nonce and nobody has sent yet.

    Raises:
        ChainError: the chain refused it.
    """
    escrow = patient.protocol.escrow
    receipt = escrow.use_nonce(patient.sender())
    return SignaturesVoided(
        **made(patient.session, receipt),
        nonce=escrow.nonce_of(patient.address),
    )


def _wallet(patient: Actor) -> PatientWallet:
    return PatientWallet(patient.session, patient.address)

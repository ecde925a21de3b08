"""Balances that their owners fund, and withdraw from on notice: a patient's wallet, an insurer's pool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from web3.types import TxReceipt

from chainbill.chain.contracts import InsurerPayer, PatientEscrow
from chainbill.chain.contracts.escrow import WithdrawalRequest
from chainbill.chain.format.events import PatientWithdrew, PoolWithdrawn
from chainbill.chain.format.logs import decode_log
from chainbill.chain.node.connection import time_of_block
from chainbill.chain.node.outbox import Errand
from chainbill.chain.node.sender import Sender
from chainbill.errors import AmountError, ChainError, ContractReverted, HoldsTooLittle
from chainbill.money import show_dollars
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.times import show_time
from chainbill.protocol_constants import WITHDRAWAL_LIFE_SECONDS
from chainbill.state.address_book import Role
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announced withdrawal: at most ``amount`` (micro-dollars), from ``available_at`` until ``lapses_at``
    (seconds since 1970)."""

    amount: int
    available_at: int

    @property
    def lapses_at(self) -> int:
        """From then on it must be announced anew."""
        return self.available_at + WITHDRAWAL_LIFE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit(Change):
    """Dollars that were put in; amounts in micro-dollars."""

    amount: int
    balance: int
    """After it."""
    outside: int
    """What the owner holds besides, after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalAnnounced(Change):
    """A withdrawal that was announced, or is already; it may be taken from ``effective_at`` on."""

    announced: Announcement
    before: Announcement | None
    """What was announced before, the same where nothing changed."""
    balance: int
    """In micro-dollars; until it is taken it pays for care."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalCalledOff(Change):
    """An announced withdrawal that is not any more."""

    balance: int
    """In micro-dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalTaken(Change):
    """An announced withdrawal that reached its owner's account; amounts in micro-dollars."""

    amount: int
    announced: int | None
    """Charges since may have left less of it; None where an earlier run has taken it."""
    balance: int
    """After it."""


class Holding(ABC):
    """One owner's balance in one contract."""

    role: ClassVar[Role]
    """The owner's."""

    def __init__(self, session: Session, contract: PatientEscrow | InsurerPayer) -> None:
        self._session = session
        self._token = session.protocol.token
        self._contract = contract

    @abstractmethod
    def balance(self) -> int:
        """What it holds, in micro-dollars."""

    @abstractmethod
    def _request(self) -> WithdrawalRequest: ...

    @abstractmethod
    def _withdrawn(self, log: Any) -> int: ...

    def announced(self) -> Announcement | None:
        """The announced withdrawal; None where there is none, or it has lapsed."""
        last = self._announcement()
        return last if last.available_at and self._session.now() < last.lapses_at else None

    def deposit(self, owner: Actor, amount: int, put: Callable[[Sender], TxReceipt] | None = None) -> Deposit:
        """Put in ``amount`` of the owner's own tokens, once; by ``put``, where it is not plainly.

        Raises:
            AmountError: nothing.
            HoldsTooLittle: the owner holds less.
            ChainError: the chain refused it.
        """
        sender = owner.sender()
        with sender.errand(Errand("deposit", self._contract.address, amount)) as earlier:
            if earlier is None:
                self._check_affordable(owner, amount)
            receipt = earlier or (put or self._putting(amount))(sender)
            return Deposit(
                changed=True,
                effective_at=self._time_of(receipt),
                transaction=transaction_of(receipt),
                block=receipt["blockNumber"],
                resumed=earlier is not None,
                amount=amount,
                balance=self.balance(),
                outside=self._token.balance_of(owner.address),
            )

    def announce(self, owner: Actor, amount: int) -> WithdrawalAnnounced:
        """Announce a withdrawal, once; replaces one of another amount. One of the same goes on as it is.

        Raises:
            AmountError: nothing.
            ChainError: more than the balance.
        """
        sender = owner.sender()
        # Left by a run that was cut off, it is sent now; mined already, it stands or was replaced since.
        with sender.errand(Errand("announce withdrawal", self._contract.address, amount)) as earlier:
            before = self.announced()
            if before is not None and before.amount == amount:
                return self._told(before, before, earlier, resumed=earlier is not None)
            receipt = self._announce(sender, amount)
            return self._told(self._announcement(), before, receipt, resumed=False)

    def cancel(self, owner: Actor) -> WithdrawalCalledOff:
        """Call the announced withdrawal off.

        Raises:
            ChainError: none is announced.
        """
        try:
            receipt = self._contract.cancel_withdrawal(owner.sender())
        except ContractReverted as refusal:
            raise _explained(refusal) from None
        return WithdrawalCalledOff(
            changed=True,
            effective_at=self._time_of(receipt),
            transaction=transaction_of(receipt),
            block=receipt["blockNumber"],
            balance=self.balance(),
        )

    def take(self, owner: Actor) -> WithdrawalTaken:
        """Take the announced withdrawal, once, as far as charges since have left it.

        Raises:
            ChainError: none is announced, its notice is not over, it has lapsed, or nothing is left.
        """
        sender = owner.sender()
        with sender.errand(Errand("take withdrawal", self._contract.address)) as earlier:
            announced = self.announced()
            # What an earlier run has taken was announced before this.
            resumed = earlier is not None and announced is None
            receipt = earlier if earlier is not None and resumed else self._take(sender)
            return WithdrawalTaken(
                changed=True,
                effective_at=self._time_of(receipt),
                transaction=transaction_of(receipt),
                block=receipt["blockNumber"],
                resumed=resumed,
                amount=self._taken(receipt),
                announced=announced.amount if announced else None,
                balance=self.balance(),
            )

    def _check_affordable(self, owner: Actor, amount: int) -> None:
        if amount <= 0:
            raise AmountError("there is nothing to put in", hint="give an amount such as 100")
        held = self._token.balance_of(owner.address)
        if held < amount:
            more = f"get it more of the dollar token {self._token.address}"
            made = f"make more: chainbill {self.role} create {owner.name} --mint AMOUNT"
            raise HoldsTooLittle(
                f"the account holds {show_dollars(held)}, less than {show_dollars(amount)}",
                hint=more if self._session.devnet is None else made,
            )

    def _putting(self, amount: int) -> Callable[[Sender], TxReceipt]:
        def put(owner: Sender) -> TxReceipt:
            if self._token.allowance(owner.address, self._contract.address) < amount:
                self._token.approve(owner, self._contract.address, amount)
            return self._contract.deposit(owner, amount)

        return put

    def _announcement(self) -> Announcement:
        """What was announced last, be it lapsed; available at 0: nothing."""
        request = self._request()
        return Announcement(request.amount, request.available_at)

    def _told(
        self, stands: Announcement, before: Announcement | None, receipt: TxReceipt | None, *, resumed: bool
    ) -> WithdrawalAnnounced:
        return WithdrawalAnnounced(
            changed=receipt is not None,
            effective_at=stands.available_at,
            transaction=transaction_of(receipt) if receipt else None,
            block=receipt["blockNumber"] if receipt else None,
            resumed=resumed,
            announced=stands,
            before=before,
            balance=self.balance(),
        )

    def _announce(self, owner: Sender, amount: int) -> TxReceipt:
        if amount <= 0:
            raise AmountError("there is nothing to withdraw", hint="give an amount such as 100")
        try:
            return self._contract.request_withdrawal(owner, amount)
        except ContractReverted as refusal:
            raise _explained(refusal) from None

    def _take(self, owner: Sender) -> TxReceipt:
        try:
            return self._contract.withdraw(owner)
        except ContractReverted as refusal:
            raise _explained(refusal) from None

    def _taken(self, receipt: TxReceipt) -> int:
        own = [log for log in receipt["logs"] if log["address"] == self._contract.address]
        return sum(self._withdrawn(log) for log in own)

    def _time_of(self, receipt: TxReceipt) -> int:
        return time_of_block(self._session.protocol.w3, receipt["blockHash"])


class PatientWallet(Holding):
    """A patient's balance in the escrow."""

    role = Role.PATIENT

    def __init__(self, session: Session, patient: str) -> None:
        super().__init__(session, session.protocol.escrow)
        self._escrow, self._patient = session.protocol.escrow, patient

    def balance(self) -> int:
        """What providers may be paid from."""
        return self._escrow.balance_of(self._patient)

    def _request(self) -> WithdrawalRequest:
        return self._escrow.withdrawal_of(self._patient)

    def _withdrawn(self, log: Any) -> int:
        event = decode_log(log, "PatientEscrow")
        return event.amount if isinstance(event, PatientWithdrew) else 0


class InsurerPool(Holding):
    """An insurer's pool in its payer contract."""

    role = Role.INSURER

    def __init__(self, session: Session, payer_id: int) -> None:
        payer = session.protocol.payer(payer_id)
        super().__init__(session, payer)
        self._payer, self._payer_id = payer, payer_id

    def balance(self) -> int:
        """What members' plans may pay from."""
        return self._payer.pool()

    def _request(self) -> WithdrawalRequest:
        return self._payer.withdrawal_request()

    def _withdrawn(self, log: Any) -> int:
        event = decode_log(log, "InsurerPayer", payer_id=self._payer_id)
        return event.amount if isinstance(event, PoolWithdrawn) else 0


def _explained(refusal: ContractReverted) -> ChainError:
    """A refused withdrawal in words."""
    fields, announce = refusal.fields, "announce it: withdraw AMOUNT"
    match refusal.name:
        case "AmountOverBalance":
            balance, amount = show_dollars(fields["balance"]), show_dollars(fields["amount"])
            return ChainError(f"the balance is {balance}, less than {amount}", hint="announce less")
        case "NoWithdrawalRequested":
            return ChainError("no withdrawal is announced", hint=announce)
        case "WithdrawalNotAvailable":
            told = f"the withdrawal may be taken from {show_time(fields['availableAt'])}"
            return ChainError(
                f"{told}; it is {show_time(fields['now'])}",
                hint="wait until then; on a devnet: chainbill devnet advance 1d",
            )
        case "WithdrawalLapsed":
            return ChainError(
                f"the announced withdrawal lapsed at {show_time(fields['lapsedAt'])}",
                hint=f"{announce} again",
            )
        case "NothingToWithdraw":
            return ChainError("charges since then have left nothing of the announced withdrawal")
    return refusal

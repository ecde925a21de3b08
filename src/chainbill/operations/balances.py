"""Balances that their owners fund, and withdraw from on notice: a patient's wallet, an insurer's pool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from web3.types import TxReceipt

from chainbill.chain.contracts import InsurerPayer, PatientEscrow
from chainbill.chain.contracts.escrow import WithdrawalRequest
from chainbill.chain.contracts.token import DevUsd
from chainbill.chain.format.events import PatientWithdrew, PoolWithdrawn
from chainbill.chain.format.logs import decode_log
from chainbill.chain.node.outbox import Errand
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.errors import AmountError, ChainError, ContractReverted, HoldsTooLittle
from chainbill.money import show_dollars
from chainbill.protocol_constants import WITHDRAWAL_LIFE_SECONDS


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


class Holding(ABC):
    """One owner's balance in one contract."""

    def __init__(self, protocol: Protocol, contract: PatientEscrow | InsurerPayer) -> None:
        self._token: DevUsd = protocol.token
        self._contract = contract

    @abstractmethod
    def balance(self) -> int:
        """What it holds, in micro-dollars."""

    @abstractmethod
    def _request(self) -> WithdrawalRequest: ...

    @abstractmethod
    def _withdrawn(self, log: Any) -> int: ...

    def depositing(self, amount: int) -> Errand:
        """A deposit, to be made once."""
        return Errand("deposit", self._contract.address, amount)

    def announcing(self, amount: int) -> Errand:
        """An announcement, to be made once."""
        return Errand("announce withdrawal", self._contract.address, amount)

    def taking(self) -> Errand:
        """The taking of an announced withdrawal, to be done once."""
        return Errand("take withdrawal", self._contract.address)

    def deposit(self, owner: Sender, amount: int) -> TxReceipt:
        """Put in ``amount`` of the owner's own tokens.

        Raises:
            AmountError: nothing.
            HoldsTooLittle: the owner holds less.
            ChainError: the chain refused it.
        """
        if amount <= 0:
            raise AmountError("there is nothing to put in", hint="give an amount such as 100")
        held = self._token.balance_of(owner.address)
        if held < amount:
            raise HoldsTooLittle(f"the account holds {show_dollars(held)}, less than {show_dollars(amount)}")
        if self._token.allowance(owner.address, self._contract.address) < amount:
            self._token.approve(owner, self._contract.address, amount)
        return self._contract.deposit(owner, amount)

    def announced(self, now: int) -> Announcement | None:
        """The announced withdrawal; None where there is none, or it had lapsed by ``now``."""
        request = self._request()
        announcement = Announcement(request.amount, request.available_at)
        return announcement if request.available_at and now < announcement.lapses_at else None

    def announce(self, owner: Sender, amount: int) -> Announcement:
        """Announce a withdrawal; replaces one announced before.

        Raises:
            AmountError: nothing.
            ChainError: more than the balance.
        """
        if amount <= 0:
            raise AmountError("there is nothing to withdraw", hint="give an amount such as 100")
        try:
            self._contract.request_withdrawal(owner, amount)
        except ContractReverted as refusal:
            raise _explained(refusal) from None
        request = self._request()
        return Announcement(request.amount, request.available_at)

    def cancel(self, owner: Sender) -> None:
        """Call the announced withdrawal off.

        Raises:
            ChainError: none is announced.
        """
        try:
            self._contract.cancel_withdrawal(owner)
        except ContractReverted as refusal:
            raise _explained(refusal) from None

    def take(self, owner: Sender) -> int:
        """Take the announced withdrawal, as far as charges since have left it; returns the amount.

        Raises:
            ChainError: none is announced, its notice is not over, it has lapsed, or nothing is left.
        """
        try:
            receipt = self._contract.withdraw(owner)
        except ContractReverted as refusal:
            raise _explained(refusal) from None
        return self.taken(receipt)

    def taken(self, receipt: TxReceipt) -> int:
        """The amount that a transaction has taken."""
        own = [log for log in receipt["logs"] if log["address"] == self._contract.address]
        return sum(self._withdrawn(log) for log in own)


class PatientWallet(Holding):
    """A patient's balance in the escrow."""

    def __init__(self, protocol: Protocol, patient: str) -> None:
        super().__init__(protocol, protocol.escrow)
        self._escrow, self._patient = protocol.escrow, patient

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

    def __init__(self, protocol: Protocol, payer_id: int) -> None:
        payer = protocol.payer(payer_id)
        super().__init__(protocol, payer)
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
            told = f"the withdrawal may be taken from {_time(fields['availableAt'])}"
            return ChainError(
                f"{told}; it is {_time(fields['now'])}",
                hint="wait until then; on a devnet: chainbill devnet advance 1d",
            )
        case "WithdrawalLapsed":
            return ChainError(
                f"the announced withdrawal lapsed at {_time(fields['lapsedAt'])}", hint=f"{announce} again"
            )
        case "NothingToWithdraw":
            return ChainError("charges since then have left nothing of the announced withdrawal")
    return refusal


def _time(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

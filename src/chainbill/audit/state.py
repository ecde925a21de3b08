"""Contract state as the rebuilt ledger expects it, read and compared at one block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.audit.ledger import Ledger, PatientAccount, PayerAccount, PlanVersion, ProviderAccount
from chainbill.audit.notice import FOREVER, Withdrawal
from chainbill.audit.rpc import JsonRpc
from chainbill.billing.terms import CategoryTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.errors import ChainError
from chainbill.records.hashing import keccak256

HELD = "token_balances"
"""Counts the contracts whose tokens were compared."""

Value = int | str | bytes
"""An ABI word: a number (or truth), an address as text, or left-aligned bytes."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one view of one contract should answer."""

    subject: str
    """What is compared, with the account it belongs to."""
    kind: str
    """What is counted under: ``balances``, ``terms``, …"""
    contract: str
    view: str
    """The Solidity signature, such as ``balanceOf(address)``."""
    arguments: tuple[Value, ...]
    values: tuple[Value, ...]


def compare_state(
    node: JsonRpc,
    ledger: Ledger,
    *,
    block: int,
    block_time: int,
    sequences: Iterable[tuple[int, int]] = (),
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[dict[str, int], list[Discrepancy]]:
    """Compare every account with contract state: how many views were compared by kind, and what differs.

    Args:
        sequences: provider ids and sequences that were seen, spent or not.

    Raises:
        ChainError: the node does not answer, or no longer has that block's state.
    """
    expectations = list(expected_state(ledger, block_time, sequences))
    calls = [
        ("eth_call", [{"to": each.contract, "data": _call_data(each)}, hex(block)]) for each in expectations
    ]
    try:
        answers = node.batch(calls, on_progress=lambda done: on_progress(done, len(calls)))
    except ChainError as error:
        raise ChainError(
            f"contract state at block {block} cannot be read: {error}",
            hint="the node may have forgotten old blocks: export the ledger again, or ask an archive node",
        ) from None
    counts: dict[str, int] = {}
    different: list[Discrepancy] = []
    for expectation, answer in zip(expectations, answers, strict=True):
        counts[expectation.kind] = counts.get(expectation.kind, 0) + 1
        if bytes.fromhex(answer[2:]) != b"".join(map(_word, expectation.values)):
            different.append(_difference(expectation, answer))
            different += _insolvency(ledger, expectation, answer)
    return counts, different


def expected_state(
    ledger: Ledger, block_time: int, sequences: Iterable[tuple[int, int]] = ()
) -> Iterator[Expectation]:
    """Everything the contracts should answer after the ledger's last event."""
    yield from _settlement(ledger, sequences)
    for provider_id, provider in ledger.providers.items():
        yield from _provider(ledger, provider_id, provider)
    for address, patient in ledger.patients.items():
        yield from _patient(ledger, address, patient, block_time)
    yield Expectation(
        "the number of payers", "payers", ledger.deployment.payers, "payerCount()", (), (len(ledger.payers),)
    )
    for payer_id, payer in ledger.payers.items():
        yield from _payer(ledger, payer_id, payer, block_time)
    for address in ledger.owed():
        yield Expectation(
            f"the tokens of {address}",
            HELD,
            ledger.deployment.token,
            "balanceOf(address)",
            (address,),
            (ledger.tokens[address],),
        )


def _settlement(ledger: Ledger, sequences: Iterable[tuple[int, int]]) -> Iterator[Expectation]:
    settlement = ledger.deployment.settlement
    yield Expectation("the newest epoch", "epochs", settlement, "currentEpoch()", (), (len(ledger.epochs),))
    yield Expectation("the pause", "epochs", settlement, "paused()", (), (ledger.paused,))
    for number, epoch in ledger.epochs.items():
        quorum = (epoch.threshold, len(epoch.members), epoch.ends_at)
        yield Expectation(f"epoch {number}", "epochs", settlement, "epochs(uint32)", (number,), quorum)
        for member in epoch.members:
            subject = f"{member} in epoch {number}"
            yield Expectation(
                subject, "epochs", settlement, "isMember(uint32,address)", (number, member), (1,)
            )
    for provider_id, sequence in sorted(sequences):
        provider = ledger.providers.get(provider_id)
        spent = provider is not None and sequence in provider.spent
        yield Expectation(
            f"sequence {sequence} of provider {provider_id}",
            "sequences",
            settlement,
            "isSpent(uint32,uint64)",
            (provider_id, sequence),
            (spent,),
        )


def _provider(ledger: Ledger, provider_id: int, provider: ProviderAccount) -> Iterator[Expectation]:
    registry, of = ledger.deployment.registry, f"of provider {provider_id}"
    credit = (provider.credit,)
    settlement = ledger.deployment.settlement
    yield Expectation(f"the credit {of}", "credits", settlement, "creditOf(uint32)", (provider_id,), credit)
    payout = (provider.payout_address,)
    yield Expectation(
        f"the payout {of}", "providers", registry, "payoutAddress(uint32)", (provider_id,), payout
    )
    active = (not provider.suspended,)
    yield Expectation(f"the standing {of}", "providers", registry, "isActive(uint32)", (provider_id,), active)
    for attester, valid in provider.attesters.items():
        arguments = (provider_id, attester)
        subject = f"attester {attester} {of}"
        yield Expectation(subject, "providers", registry, "isAttester(uint32,address)", arguments, (valid,))


def _patient(ledger: Ledger, address: str, patient: PatientAccount, now: int) -> Iterator[Expectation]:
    escrow, of = ledger.deployment.escrow, f"of patient {address}"
    balance = (patient.balance,)
    yield Expectation(f"the balance {of}", "balances", escrow, "balanceOf(address)", (address,), balance)
    request = _request(patient.withdrawal)
    yield Expectation(
        f"the withdrawal {of}", "withdrawals", escrow, "withdrawalOf(address)", (address,), request
    )
    for time in (now, FOREVER):
        payer = (patient.payer.at(time),)
        view = "payerOf(address,uint40)"
        yield Expectation(f"the payer {of} at {time}", "payer_choices", escrow, view, (address, time), payer)
        for provider_id, consent in patient.consents.items():
            yield Expectation(
                f"the consent {of} to provider {provider_id} at {time}",
                "consents",
                escrow,
                "consentOf(address,uint32,uint40)",
                (address, provider_id, time),
                consent.at(time),
            )


def _payer(ledger: Ledger, payer_id: int, payer: PayerAccount, now: int) -> Iterator[Expectation]:
    at, of = payer.address, f"of payer {payer_id}"
    yield Expectation(
        f"the contract {of}", "payers", ledger.deployment.payers, "payerAt(uint32)", (payer_id,), (at,)
    )
    yield Expectation(f"the owner {of}", "payers", at, "owner()", (), (payer.insurer,))
    yield Expectation(f"the pool {of}", "pools", at, "pool()", (), (payer.pool,))
    request = _request(payer.withdrawal)
    yield Expectation(f"the withdrawal {of}", "withdrawals", at, "withdrawalRequest()", (), request)
    for provider_id, acceptance in payer.acceptances.items():
        for time in (now, FOREVER):
            yield Expectation(
                f"provider {provider_id}'s acceptance {of} at {time}",
                "acceptances",
                at,
                "acceptsProvider(uint32,uint40)",
                (provider_id, time),
                (acceptance.at(time),),
            )
    for (member, year), standing in payer.members.items():
        met = (standing.met.deductible_met, standing.met.oop_met, standing.plan_id, standing.coverage_ends_at)
        yield Expectation(
            f"{year} of member {member} {of}",
            "member_years",
            at,
            "memberYear(address,uint16)",
            (member, year),
            met,
        )
    for plan_id, versions in payer.plans.items():
        yield from _plan(at, of, plan_id, versions)
    for service_id, fees in payer.fees.items():
        yield from (_fee(at, of, service_id, fee) for fee in fees)


def _plan(at: str, of: str, plan_id: int, versions: list[PlanVersion]) -> Iterator[Expectation]:
    count = (len(versions),)
    subject = f"the versions of plan {plan_id} {of}"
    yield Expectation(subject, "terms", at, "planVersions(uint16)", (plan_id,), count)
    for plan in versions:
        subject, key = f"plan {plan_id} version {plan.version} {of}", (plan_id, plan.version)
        terms = (plan.terms.deductible, plan.terms.oop_max, plan.terms.rounding_unit, plan.effective_at)
        yield Expectation(subject, "terms", at, "planTerms(uint16,uint16)", key, terms)
        for category, shared in plan.categories.items():
            yield Expectation(
                f"category {category} of {subject}",
                "terms",
                at,
                "categoryTerms(uint16,uint16,uint8)",
                (*key, category),
                _category_words(shared),
            )


def _fee(at: str, of: str, service_id: bytes, fee: PublishedFee) -> Expectation:
    terms = (fee.terms.amount, fee.terms.category, fee.terms.max_units, fee.effective_at, fee.version)
    subject = f"version {fee.version} of the fee 0x{service_id.hex()} {of}"
    return Expectation(subject, "fees", at, "feeAt(bytes8,uint40)", (service_id, fee.effective_at), terms)


def _category_words(terms: CategoryTerms) -> tuple[int, ...]:
    return (
        terms.covered,
        terms.deductible_applies,
        terms.copay_first,
        terms.coinsurance_after_copay,
        terms.coinsurance_bps,
        terms.copay,
    )


def _request(withdrawal: Withdrawal) -> tuple[int, int, int]:
    return (withdrawal.amount, withdrawal.deposited_since, withdrawal.available_at)


def _difference(expectation: Expectation, answer: str) -> Discrepancy:
    raw = bytes.fromhex(answer[2:])
    words = [raw[i : i + 32] for i in range(0, len(raw), 32)]
    found = [_shown(word, value) for word, value in zip(words, expectation.values, strict=False)]
    return Discrepancy(
        Kind.STATE,
        f"contract {expectation.contract}, {expectation.view}",
        f"{expectation.subject} differs from what the logs say",
        expected=", ".join(_shown(_word(value), value) for value in expectation.values),
        found=", ".join(found) or "no answer",
    )


def _insolvency(ledger: Ledger, expectation: Expectation, answer: str) -> Iterator[Discrepancy]:
    """The worst that a wrong token balance can mean."""
    if expectation.kind != HELD:
        return
    holder = str(expectation.arguments[0])
    owed = ledger.owed()[holder]
    held = int(answer[2:] or "0", 16)
    if held < owed:
        yield Discrepancy(
            Kind.SOLVENCY,
            f"contract {holder}",
            "the contract holds less than it owes",
            expected=f"{owed} owed",
            found=f"{held} held",
        )


def _shown(word: bytes, like: Value) -> str:
    """A word in the shape of the expected value."""
    return str(int.from_bytes(word, "big")) if isinstance(like, int) else "0x" + word[-20:].hex()


def _call_data(expectation: Expectation) -> str:
    selector = keccak256(expectation.view.encode())[:4]
    return "0x" + (selector + b"".join(map(_word, expectation.arguments))).hex()


def _word(value: Value) -> bytes:
    if isinstance(value, int):
        # Transfers edited in a copy can take more from an address than it ever had.
        return (value % 2**256).to_bytes(32, "big")
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value[2:])
    return value.ljust(32, b"\0")

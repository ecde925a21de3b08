"""``chainbill oracle``: settle, status; fees and rebuild are in the modules beside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from chainbill.attestation.claim_number import claim_number
from chainbill.cli.oracle.fees import fees_group
from chainbill.cli.oracle.object_to import object_to
from chainbill.cli.oracle.rebuild import rebuild
from chainbill.cli.oracle.take import take
from chainbill.cli.shell.acting import as_option
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, progress, show_table, show_time
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.attestation.typed_data import ServiceAttestation
    from chainbill.billing.outcomes import Reason
    from chainbill.cli.shell.next_steps import Advice
    from chainbill.operations.oracle.settle import OracleStanding, Settlement
    from chainbill.oracle.receipts import RowOutcome, SettledBatch
    from chainbill.state.session import Session

_OUTCOMES = ("settled", "denied", "pended", "skipped")


@click.group("oracle", cls=ShellGroup)
def oracle_group() -> None:
    """Settle what providers have attested, and see what waits."""


# ---- settle -------------------------------------------------------------------------------------------


@oracle_group.command(
    example="chainbill oracle settle\nchainbill oracle settle --as provider\n"
    "chainbill oracle settle --operator oracle-1"
)
@click.option(
    "--operator",
    metavar="ACCOUNT|ADDRESS",
    help="Who gets the operator's fee.  [default: nobody, and no fee is taken]",
)
@as_option("oracle-1", "Whose account sends the transactions; anyone may.")
@dry_run_option
@pass_invocation
def settle(invocation: Invocation, operator: str | None, name: str) -> None:
    """Batch what is attested, sign it with the nodes' keys, and settle it on chain.

    Events that were pended before are tried again. One that cannot be paid stops no other: it ends denied,
    for good, or pended, with what would let it settle the next time. Events whose batch a reorganisation
    of the chain has dropped are settled again. What a key has signed that its provider revoked since is held
    and not settled. Running this again is always safe.
    """
    from chainbill.operations.actor import Actor
    from chainbill.operations.oracle.settle import settle as settle_attested

    session = invocation.session()
    earner = None if operator is None else session.book.address_of(operator)
    done = settle_attested(
        Actor.holding(session, name), operator=earner, progress=partial(progress, "settling")
    )
    if done.reopened:
        note(f"note: the chain was reorganised; events that it dropped and that wait again: {done.reopened}")
    advice = _advice(session)
    if not done.waited:
        emit(_settle_facts(done, advice), "Nothing waits to be settled.")
        return
    emit(_settle_facts(done, advice), lambda: _show_settled(done.batches, advice))
    if done.held:
        reasons = ", ".join(sorted({item.standing_reason for item in done.held}))
        note(f"note: held, and in no batch: {len(done.held)} ({reasons})\nhint: chainbill oracle status")


def _advice(session: Session) -> Advice:
    from chainbill.cli.audit.text import PartyNames
    from chainbill.cli.shell.next_steps import Advice

    return Advice(PartyNames(session.book), datetime.fromtimestamp(session.now(), UTC).year)


def _settle_facts(done: Settlement, advice: Advice) -> dict[str, Any]:
    rows = [row for batch in done.batches for row in batch.rows]
    return {
        "counts": {word: sum(row.outcome.name.lower() == word for row in rows) for word in _OUTCOMES},
        "reopened": done.reopened,
        "held": [
            {**_attestation_facts(item.attestation, item.reason, advice), "reason": item.standing_reason}
            for item in done.held
        ],
        "gas_used": done.gas_used,
        "batches": [
            {
                "transaction": batch.transaction,
                "block": batch.block,
                "gas_used": batch.gas_used,
                "earlier": batch.earlier,
                "rows": [_row_facts(row, advice) for row in batch.rows],
            }
            for batch in done.batches
        ],
    }


def _row_facts(row: RowOutcome, advice: Advice) -> dict[str, Any]:
    return {
        "outcome": row.outcome.name.lower(),
        "claim_id": row.claim_id or None,
        **_attestation_facts(row.attestation, row.reason, advice),
    }


def _attestation_facts(attestation: ServiceAttestation, reason: Reason, advice: Advice) -> dict[str, Any]:
    return {
        "reason": reason.label,
        "what_to_do": advice.after_pending(reason, attestation),
        "provider": advice.names.provider(attestation.provider_id),
        "provider_id": attestation.provider_id,
        "number": _number(attestation),
        "sequence": attestation.sequence,
        "patient": advice.names.account(attestation.patient),
        "address": attestation.patient,
        "insurer": advice.names.payer(attestation.payer_id or None) or None,
        "self_pay": attestation.payer_id == 0,
        "benefit_year": attestation.benefit_year,
        "units": attestation.units,
        "billed": format_dollars(attestation.billed_amount),
        "commitment": attestation.commitment,
    }


def _number(attestation: ServiceAttestation) -> str:
    return claim_number(attestation.provider_id, attestation.sequence)


def _show_settled(batches: Sequence[SettledBatch], advice: Advice) -> None:
    rows = [row for batch in batches for row in batch.rows]
    counts = {word: sum(row.outcome.name.lower() == word for row in rows) for word in _OUTCOMES}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    if not rows:
        click.echo("Nothing was settled.")
        return
    click.echo(f"{told}.\n")
    table = [
        (
            _number(row.attestation),
            advice.names.provider(row.attestation.provider_id),
            advice.names.account(row.attestation.patient),
            show_dollars(row.attestation.billed_amount),
            row.outcome.name.lower(),
            "" if not row.reason else row.reason.label.replace("_", " "),
            advice.after_pending(row.reason, row.attestation),
        )
        for row in rows
    ]
    show_table(("claim", "provider", "patient", ">billed", "outcome", "reason", "what to do"), table)
    click.echo()
    for batch in batches:
        click.echo(
            f"batch of {len(batch.rows)} in block {batch.block}, {batch.gas_used:,} gas: {batch.transaction}"
            + (" (settled before; its receipt was lost)" if batch.earlier else "")
        )


# ---- status -------------------------------------------------------------------------------------------


@oracle_group.command(example="chainbill oracle status")
@pass_invocation
def status(invocation: Invocation) -> None:
    """Count what was attested by where it stands, and list what waits with the reason why.

    Held is what goes into no batch: a key that was revoked since had signed it, or its record is under
    another number already. Recalled is what its provider took back.
    """
    from chainbill.cli.shell.next_steps import after_standing
    from chainbill.operations.oracle.settle import status as standing

    session = invocation.session()
    stands, advice = standing(session), _advice(session)
    facts = {
        "counts": stands.counts,
        "dropped": stands.dropped,
        "unknown": len(stands.unknown),
        "announced": [
            {
                "provider": advice.names.provider(each.provider_id),
                "provider_id": each.provider_id,
                "events": len(each.places),
                "announced_at": each.announced_at,
                "settles_from": each.settles_from,
                "lapses_at": each.lapses_at,
            }
            for each in stands.announced
        ],
        "waiting": [
            {
                **_attestation_facts(item.attestation, item.reason, advice),
                "status": item.status.value,
                "reason": item.standing_reason,
                "what_to_do": after_standing(advice, item),
            }
            for item in stands.waiting
        ],
    }
    emit(facts, lambda: _show_status(stands, advice))
    if stands.dropped:
        note(
            f"note: the chain was reorganised; events whose batch it dropped: {stands.dropped}\n"
            "hint: chainbill oracle settle"
        )
    if stands.unknown:
        note(
            f"note: claims on the chain that this store knows nothing of: {len(stands.unknown)}\n"
            "hint: chainbill oracle rebuild"
        )
    for each in stands.announced:
        provider = advice.names.provider(each.provider_id)
        note(
            f"note: {provider} has announced to settle {len(each.places)} events without the oracle, "
            f"from {show_time(each.settles_from)} on\n"
            "hint: chainbill oracle settle settles what is right in them; to call them off: "
            f"chainbill oracle object {provider}"
        )


def _show_status(stands: OracleStanding, advice: Advice) -> None:
    from chainbill.cli.shell.next_steps import after_standing
    from chainbill.oracle.api import OPEN

    click.echo(
        ", ".join(f"{count} {word}" for word, count in stands.counts.items() if count)
        or "Nothing was attested yet."
    )
    if not stands.waiting:
        return
    click.echo()
    rows = [
        (
            _number(item.attestation),
            advice.names.provider(item.attestation.provider_id),
            advice.names.account(item.attestation.patient),
            show_dollars(item.attestation.billed_amount),
            item.status.value,
            (item.standing_reason if item.hold or item.reason else "").replace("_", " "),
            after_standing(advice, item) or ("chainbill oracle settle" if item.status in OPEN else ""),
        )
        for item in stands.waiting
    ]
    show_table(("claim", "provider", "patient", ">billed", "stands", "reason", "what to do"), rows)


oracle_group.add_command(fees_group)
oracle_group.add_command(object_to)
oracle_group.add_command(rebuild)
oracle_group.add_command(take)

"""``chainbill oracle``: settle, status; fees and rebuild are in the modules beside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chainbill.attestation.claim_number import claim_number
from chainbill.cli.oracle.fees import fees_group
from chainbill.cli.oracle.rebuild import rebuild
from chainbill.cli.oracle.take import take
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, progress, show_table
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.attestation.typed_data import ServiceAttestation
    from chainbill.billing.outcomes import Reason
    from chainbill.cli.shell.next_steps import Advice
    from chainbill.oracle.quorum import Quorum
    from chainbill.oracle.receipts import SettledBatch, SettledRow
    from chainbill.oracle.store import StoredAttestation
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
@click.option(
    "--as",
    "name",
    type=ACCOUNT,
    default="oracle-1",
    show_default=True,
    help="Whose account sends the transactions; anyone may.",
)
@dry_run_option
@pass_invocation
def settle(invocation: Invocation, operator: str | None, name: str) -> None:
    """Batch what is attested, sign it with the nodes' keys, and settle it on chain.

    Events that were pended before are tried again. One that cannot be paid stops no other: it ends denied,
    for good, or pended, with what would let it settle the next time. Events whose batch a reorganisation
    of the chain has dropped are settled again. What a key has signed that its provider revoked since is held
    and not settled. Running this again is always safe.
    """
    from chainbill.attestation.address import ZERO_ADDRESS
    from chainbill.oracle.reorganisation import recover
    from chainbill.oracle.settling import settle_open
    from chainbill.oracle.store import OracleStore, Status
    from chainbill.state.private_files import locked

    session = invocation.session()
    earner = ZERO_ADDRESS if operator is None else session.book.address_of(operator)
    # Two at once would take each other's settled rows for spent ones.
    with locked(session.state.root / "oracle.lock"):
        store = OracleStore(session.state.oracle_database)
        reopened = recover(session.protocol, store).reopened
        if reopened:
            note(f"note: the chain was reorganised; events that it dropped and that wait again: {reopened}")
        waiting = store.open_attestations()
        if not waiting:
            emit(_settle_facts([], reopened, [], _advice(session)), "Nothing waits to be settled.")
            return
        quorum, sender = _quorum(session), session.sender(name)
        with progress("settling", len(waiting)) as advance:
            batches = settle_open(
                session.protocol,
                store,
                quorum,
                sender,
                operator=earner,
                on_batch=lambda batch: advance(len(batch.rows)),
            )
        rows = {item.row for item in waiting}
        held = [item for item in store.attestations(Status.HELD) if item.row in rows]
    advice = _advice(session)
    emit(_settle_facts(batches, reopened, held, advice), lambda: _show_settled(batches, advice))
    if held:
        reasons = ", ".join(sorted({item.standing_reason for item in held}))
        note(f"note: held, and in no batch: {len(held)} ({reasons})\nhint: chainbill oracle status")


def _quorum(session: Session) -> Quorum:
    """Whichever oracle nodes' keys are here; the quorum says whether they are enough."""
    from chainbill.attestation.signing import Signer
    from chainbill.oracle.quorum import Quorum
    from chainbill.state.address_book import Role

    nodes = [node for node in session.book.entries(Role.ORACLE) if node in session.keystores]
    return Quorum(session.protocol, [Signer(session.account(node)) for node in nodes])


def _advice(session: Session) -> Advice:
    from chainbill.cli.audit.text import Names
    from chainbill.cli.shell.next_steps import Advice

    return Advice(Names(session.book), datetime.fromtimestamp(session.now(), UTC).year)


def _settle_facts(
    batches: Sequence[SettledBatch], reopened: int, held: Sequence[StoredAttestation], advice: Advice
) -> dict[str, Any]:
    rows = [row for batch in batches for row in batch.rows]
    return {
        "counts": {word: sum(row.outcome.name.lower() == word for row in rows) for word in _OUTCOMES},
        "reopened": reopened,
        "held": [
            {**_attestation_facts(item.attestation, item.reason, advice), "reason": item.standing_reason}
            for item in held
        ],
        "gas_used": sum(batch.gas_used for batch in batches if not batch.earlier),
        "batches": [
            {
                "transaction": batch.transaction,
                "block": batch.block,
                "gas_used": batch.gas_used,
                "earlier": batch.earlier,
                "rows": [_row_facts(row, advice) for row in batch.rows],
            }
            for batch in batches
        ],
    }


def _row_facts(row: SettledRow, advice: Advice) -> dict[str, Any]:
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
    from chainbill.oracle.rebuild import unknown_claims
    from chainbill.oracle.reorganisation import find_dropped
    from chainbill.oracle.store import OracleStore

    session = invocation.session()
    store = OracleStore(session.state.oracle_database)
    dropped = sum(len(store.members(batch)) for batch in find_dropped(session.protocol, store))
    unknown = len(unknown_claims(session.protocol, store))
    counts, waiting, advice = store.counts(), store.waiting(), _advice(session)
    facts = {
        "counts": counts,
        "dropped": dropped,
        "unknown": unknown,
        "waiting": [
            {
                **_attestation_facts(item.attestation, item.reason, advice),
                "status": item.status.value,
                "reason": item.standing_reason,
                "what_to_do": after_standing(advice, item),
            }
            for item in waiting
        ],
    }
    emit(facts, lambda: _show_status(counts, waiting, advice))
    if dropped:
        note(
            f"note: the chain was reorganised; events whose batch it dropped: {dropped}\n"
            "hint: chainbill oracle settle"
        )
    if unknown:
        note(
            f"note: claims on the chain that this store knows nothing of: {unknown}\n"
            "hint: chainbill oracle rebuild"
        )


def _show_status(counts: dict[str, int], waiting: Sequence[StoredAttestation], advice: Advice) -> None:
    from chainbill.cli.shell.next_steps import after_standing
    from chainbill.oracle.store import OPEN

    click.echo(
        ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "Nothing was attested yet."
    )
    if not waiting:
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
        for item in waiting
    ]
    show_table(("claim", "provider", "patient", ">billed", "stands", "reason", "what to do"), rows)


oracle_group.add_command(fees_group)
oracle_group.add_command(rebuild)
oracle_group.add_command(take)

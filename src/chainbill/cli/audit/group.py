"""``chainbill audit``: history, show, verify. An auditor needs no key."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.audit.text import PartyNames, claim_text, show_history, show_verification
from chainbill.cli.shell.command import ExitCode, ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import LEDGER_FILE
from chainbill.cli.shell.output import emit, note, progress
from chainbill.cli.shell.parameters import ACCOUNT, Count
from chainbill.cli.shell.written_files import check_place, force_option, write_output
from chainbill.money import format_dollars
from chainbill.state.names import is_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainbill.operations.audit import Evidence, Verification
    from chainbill.state.address_book import Contact
    from chainbill.state.session import Session

_KINDS = (
    "settled",
    "denied",
    "pended",
    "skipped",
    "deposit",
    "withdrawal",
    "payment",
    "request",
    "batch",
    "dispute",
    "reversal",
    "refund",
    "terms",
    "member",
    "consent",
    "limit",
    "provider",
    "payer",
    "oracle",
    "transfer",
)
"""The values of ``HistoryKind``, named here so that the help needs no chain; a test compares."""


@click.group("audit", cls=ShellGroup)
def audit_group() -> None:
    """Rebuild the ledger from the chain's logs, and prove that it adds up."""


def _evidence_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What an auditor may have been given beside the chain."""
    options = (
        click.option(
            "--attestations",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="An oracle's store: is each claim attested by a key of its provider?",
        ),
        click.option(
            "--vault",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="A folder of sealed records: is there one of each claim?",
        ),
        click.option(
            "--reader",
            type=ACCOUNT,
            help="Whose key must open the records of the --vault.  [default: nobody's; a file is enough]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


# ---- history ------------------------------------------------------------------------------------------


@audit_group.command(
    example="chainbill audit history --patient patient --kind settled\n"
    "chainbill audit history --export ledger.jsonl"
)
@click.option("--patient", help="Only this patient's: an account's name or address.")
@click.option("--provider", help="Only this provider's: a name, an address or an id.")
@click.option("--payer", help="Only this insurer's: a name, an address or an id.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Only this kind; may be given again.  [default: claims, disputes and money]",
)
@click.option("--since-block", type=Count(0), default=0, help="Leave out what was before this block.")
@click.option(
    "--limit",
    type=Count(0),
    default=50,
    show_default=True,
    help="List at most so many, the newest; 0 lists all.",
)
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every log of the deployment to this file instead, for `audit verify --ledger`.",
)
@force_option
@pass_invocation
def history(
    invocation: Invocation,
    patient: str | None,
    provider: str | None,
    payer: str | None,
    kinds: tuple[str, ...],
    since_block: int,
    limit: int,
    export: Path | None,
    force: bool,
) -> None:
    """List what happened: claims, deposits, withdrawals, provider payments and, on request, the rest.

    Rows put back or skipped name no insurer on chain, so --payer leaves them out.
    """
    from chainbill.operations.audit import MONEY_AND_CLAIMS, Filter, HistoryKind, read_history
    from chainbill.operations.parties import insurer_of, provider_of

    if export is not None:
        check_place(export, force=force)
        _export(invocation.session(), export, force=force)
        return
    session = invocation.session()
    wanted = Filter(
        kinds=frozenset(map(HistoryKind, kinds)) or MONEY_AND_CLAIMS,
        patient=_patient(session, patient),
        provider_id=_numbered(session, provider, provider_of),
        payer_id=_numbered(session, payer, insurer_of),
        since_block=since_block,
    )
    found = read_history(session, wanted)
    shown = found[-limit:] if limit else found
    emit(
        {"entries": [entry.to_json() for entry in shown], "shown": len(shown), "total": len(found)},
        lambda: show_history(PartyNames(session.book), shown),
    )
    if len(shown) < len(found):
        note(f"note: the newest {len(shown)} of {len(found):,}; --limit 0 lists all")


def _export(session: Session, file: Path, *, force: bool) -> None:
    from chainbill.operations.audit import export_ledger

    ledger = export_ledger(session)
    write_output(file, ledger.to_bytes(), force=force)
    last = ledger.header.to_block
    emit(
        {"file": str(file), "logs": len(ledger.logs), "to_block": last},
        f"{len(ledger.logs):,} logs up to block {last} are in {file}.\n"
        f"Check them: chainbill audit verify --ledger {file}",
    )


# ---- show ---------------------------------------------------------------------------------------------


@audit_group.command(example="chainbill audit show 1:7\nchainbill audit show 1:7 2:7")
@click.argument("claims", nargs=-1, required=True, metavar="CLAIM...")
@_evidence_options
@click.pass_context
@pass_invocation
def show(
    invocation: Invocation,
    context: click.Context,
    claims: tuple[str, ...],
    attestations: Path | None,
    vault: Path | None,
    reader: str | None,
) -> None:
    """Show claims in full: every component, the terms that priced them, and the price worked out again.

    A claim is named by its number, as every statement has it (1:7: the seventh of provider 1), by its
    commitment or by its id. With --attestations and --vault it also says what cannot be shown for a claim
    that settled.

    Exits with 3 where a claim is not what the published terms say, or something cannot be shown.
    """
    from chainbill.operations.audit import show_claims

    session = invocation.session()
    found = show_claims(session, claims, _evidence(session, attestations, vault, reader))
    names = PartyNames(session.book)
    emit(
        {
            "claims": [
                {
                    **each.account.to_json(),
                    "not_shown": None
                    if each.not_shown is None
                    else [{"kind": gap.kind.value, "why": gap.why} for gap in each.not_shown],
                }
                for each in found
            ]
        },
        "\n\n".join(
            "\n".join(
                [
                    claim_text(names, each.account),
                    *(f"  {'not shown':<16} {gap.why}" for gap in each.not_shown or ()),
                ]
            )
            for each in found
        ),
    )
    if not all(each.holds for each in found):
        context.exit(ExitCode.DISCREPANCIES)


# ---- verify -------------------------------------------------------------------------------------------


@audit_group.command(
    example="chainbill audit verify\nchainbill audit verify --ledger ledger.jsonl\n"
    "chainbill audit verify --attestations oracle.sqlite --vault vault"
)
@click.option(
    "--ledger",
    "file",
    type=LEDGER_FILE,
    help="Check this copy of the ledger, as `audit history --export` writes it, against the chain.",
)
@click.option("--to-block", type=Count(0), help="Audit up to this block.  [default: the newest]")
@_evidence_options
@click.pass_context
@pass_invocation
def verify(
    invocation: Invocation,
    context: click.Context,
    file: Path | None,
    to_block: int | None,
    attestations: Path | None,
    vault: Path | None,
    reader: str | None,
) -> None:
    """Rebuild every balance from logs alone, price every claim again, and compare with contract state.

    With --attestations and --vault it also names every claim that stands and for which no attestation of its
    provider, or no record, can be shown: the contracts ask for the oracle's signatures alone.

    Exits with 3 and names what differs where anything does. A copy is verified at its own last block.
    """
    from chainbill.operations.audit import RawLedger
    from chainbill.operations.audit import verify as run

    if file is not None and to_block is not None:
        raise click.UsageError("--ledger names its own last block; leave out --to-block")
    copy = None if file is None else RawLedger.read(file)
    session = invocation.session()
    with progress("comparing with contract state", 100) as advance:
        done = 0

        def follow(_: str, count: int, total: int) -> None:
            nonlocal done
            percent = 100 * count // total if total else done
            advance(percent - done)
            done = percent

        found = run(
            session,
            copy=copy,
            to_block=to_block,
            evidence=_evidence(session, attestations, vault, reader),
            on_progress=follow,
        )
    if found.continued_from is not None:
        note(
            f"note: the node has forgotten the state of block {found.continued_from}, so the copy was"
            f" continued with the chain's own logs to block {found.header.to_block}"
        )
    emit(_verification_facts(found, file), lambda: show_verification(found))
    if not found.adds_up:
        context.exit(ExitCode.DISCREPANCIES)


def _verification_facts(found: Verification, file: Path | None) -> dict[str, Any]:
    totals = asdict(found.totals)
    counted = ("settled", "denied", "pended", "skipped")
    return {
        "adds_up": found.adds_up,
        "discrepancies": [asdict(each) for each in found.discrepancies],
        "checked": found.counts,
        "claims": {name: totals[name] for name in counted},
        "amounts": {name: format_dollars(totals[name]) for name in totals if name not in counted},
        "ledger": None if file is None else str(file),
        "to_block": found.header.to_block,
        "continued_from": found.continued_from,
        "donations": {address: format_dollars(amount) for address, amount in found.donations.items()},
    }


def _evidence(
    session: Session, attestations: Path | None, vault: Path | None, reader: str | None
) -> Evidence | None:
    """What was given; None: nothing."""
    from chainbill.operations.audit import given_evidence

    if reader is not None and vault is None:
        raise click.UsageError("--reader opens records of a --vault; name that too")
    key = session.vault_key(reader) if reader is not None else None
    return given_evidence(attestations, vault, key)


# ---- names and numbers --------------------------------------------------------------------------------


def _patient(session: Session, text: str | None) -> str | None:
    """An address as it is, or the address of a name."""
    return None if text is None else session.book.address_of(text)


def _numbered(
    session: Session, text: str | None, party_of: Callable[[Session, str], tuple[Contact, int]]
) -> int | None:
    """An id as it is, or that of a name or an address."""
    if text is None:
        return None
    return int(text) if is_id(text) else party_of(session, text)[1]

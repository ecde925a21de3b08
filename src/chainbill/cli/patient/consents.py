"""``chainbill patient consent`` and ``revoke``: who may charge a wallet, and how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainbill.cli.audit.text import PartyNames
from chainbill.cli.shell.acting import acting_as, actor, provider_named
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, holds_from, it_holds, show_time
from chainbill.cli.shell.parameters import DURATION, LIMIT, MOMENT, PARTY
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.patient.consents import Consent, ConsentChange, ConsentStanding, Revocation

_Command = TypeVar("_Command", bound=Callable[..., Any])


def consent_options(command: _Command) -> _Command:
    """What a provider may charge."""
    command = click.option(
        "--self-pay/--no-self-pay",
        default=None,
        help="It may also charge its cash price, outside the patient's plan.  [default: as it is, else not]",
    )(command)
    command = click.option(
        "--until", type=MOMENT, help="Until when, instead: ISO 8601, or seconds since 1970."
    )(command)
    command = click.option(
        "--for", "duration", type=DURATION, help="How long, from now.  [default: as it is, else 1y]"
    )(command)
    return click.option(
        "--limit",
        type=LIMIT,
        metavar="AMOUNT",
        help="The most one event may cost the patient.  [default: as it is]",
    )(command)


@click.command(
    cls=ShellCommand,
    example="chainbill patient consent\nchainbill patient consent provider --limit 200\n"
    "chainbill patient consent lakeview --limit 50 --until 2027-06-30\n"
    "chainbill patient consent lakeview --limit 120 --self-pay",
)
@click.argument("provider", type=PARTY, required=False)
@consent_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def consent(invocation: Invocation, /, provider: str | None, name: str, **terms: Any) -> None:
    """Show who may charge the wallet, or let a provider charge it, up to a limit for each event.

    A wider consent holds at once; a narrower one a day after it is announced. Without consent a provider is
    paid nothing, even where the patient's share would be 0.
    """
    from chainbill.operations.patient import consents

    told_nothing = all(option is None for option in terms.values())
    if provider is None and not told_nothing:
        raise click.UsageError("name the provider that may charge the wallet")
    patient = actor(invocation, name, "patient")
    provider_id = None
    if provider is not None:
        provider, provider_id = provider_named(patient.session, provider)
    if provider is None or provider_id is None or told_nothing:
        _show(patient, provider, consents.standing_consents(patient, provider_id))
    else:
        _tell(patient, provider, consents.grant_consent(patient, provider_id, **terms))


@click.command(cls=ShellCommand, example="chainbill patient revoke lakeview")
@click.argument("provider", type=PARTY)
@acting_as("patient")
@dry_run_option
@pass_invocation
def revoke(invocation: Invocation, provider: str, name: str) -> None:
    """Take a consent back: it ends a day from now, since a signed batch may rely on it."""
    from chainbill.operations.patient import consents

    patient = actor(invocation, name, "patient")
    provider, provider_id = provider_named(patient.session, provider)
    done = consents.revoke_consent(patient, provider_id)
    emit(
        {
            "account": name,
            "provider": provider,
            "provider_id": done.provider_id,
            "expires_at": done.expires_at,
            "effective_at": done.effective_at,
            "changed": done.changed,
        },
        _revoked_text(name, provider, done),
    )


def consent_facts(given: Consent) -> dict[str, Any]:
    """A consent for JSON."""
    return {
        "limit": format_dollars(given.per_event_limit),
        "expires_at": given.expires_at,
        "self_pay": given.self_pay,
    }


def consent_text(given: Consent) -> str:
    """A consent in words."""
    return (
        f"up to {show_dollars(given.per_event_limit)} per event until {show_time(given.expires_at)}"
        f"{', also outside the plan' if given.self_pay else ''}"
    )


def _tell(patient: Actor, provider: str, done: ConsentChange) -> None:
    told = f"{provider} may charge {patient.name} {consent_text(done.consent)}"
    said = f"{told}." if done.changed else f"{told}: that is consented to already."
    if done.effective_at is not None:
        said = f"{said} {it_holds(done.effective_at)}"
    if done.narrower:
        said += "\nIt is narrower than before, and a signed batch may rely on that."
    emit(
        {
            "account": patient.name,
            "provider": provider,
            "provider_id": done.provider_id,
            **consent_facts(done.consent),
            "effective_at": done.effective_at,
            "changed": done.changed,
        },
        said,
    )


def _revoked_text(name: str, provider: str, done: Revocation) -> str:
    if done.expires_at is None:
        return f"{provider} has no consent."
    until = f"until {show_time(done.expires_at)} and no longer"
    if not done.changed:
        return f"{provider} has consent {until}."
    return f"{provider} may charge {name} {until}: the end {holds_from(done.expires_at)}."


def _show(patient: Actor, provider: str | None, found: Sequence[ConsentStanding]) -> None:
    names = PartyNames(patient.session.book)
    lines = []
    for each in found:
        called = names.provider(each.provider_id)
        if each.in_force is not None:
            lines.append(f"{called} may charge {patient.name} {consent_text(each.in_force)}.")
        if each.announced is not None:
            told = f"Announced for {called}: {consent_text(each.announced)}."
            lines.append(f"{told} {it_holds(each.announced_at or 0)}")
    facts = [
        {
            "provider": names.provider(each.provider_id),
            "in_force": each.in_force and consent_facts(each.in_force),
            "announced": each.announced
            and {**consent_facts(each.announced), "effective_at": each.announced_at},
        }
        for each in found
    ]
    emit({"account": patient.name, "consents": facts}, "\n".join(lines) or _nobody(patient.name, provider))


def _nobody(name: str, provider: str | None) -> str:
    how = f"chainbill patient consent {provider or 'PROVIDER'} --limit AMOUNT"
    if provider is None:
        return f"Nobody may charge {name} anything: {how}"
    return f"{provider} may not charge {name}: {how}"

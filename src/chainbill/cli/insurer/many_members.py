"""``chainbill insurer enrol --file``: everybody who stands in a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainbill.cli.insurer.own_payer import own_payer
from chainbill.cli.shell.acting import actor
from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.output import emit, it_holds, progress, several

if TYPE_CHECKING:
    from chainbill.operations.insurer.enrolment import MembersEnrolled, NewMember


def enrol_file(invocation: Invocation, file: Path, plan_id: int | None, year: int | None, name: str) -> None:
    """Enrol everybody who stands in a file, and tell what came of it.

    Raises:
        TermsError: it is no member file.
        StateError: a line of it cannot be enrolled.
        PartlySent: some were not enrolled after all.
    """
    from chainbill.operations.insurer.enrolment import enrol_many, read_members

    members = read_members(file, plan_id=plan_id, year=year)
    insurer = actor(invocation, name, "insurer")
    done = enrol_many(insurer, own_payer(insurer), members, progress=partial(progress, "enrolling"))
    emit(_facts(name, members, done), _text(name, done))


def _facts(name: str, members: tuple[NewMember, ...], done: MembersEnrolled) -> dict[str, Any]:
    return {
        "account": name,
        "enrolled": done.enrolled,
        "unchanged": len(done.members) - done.enrolled,
        "effective_at": done.effective_at,
        "members": [
            {
                "line": given.line,
                "patient": given.patient,
                "address": each.enrolment.member,
                "benefit_year": each.enrolment.benefit_year,
                "plan_id": each.enrolment.plan_id,
                "changed": each.changed,
                "transaction": each.transaction,
            }
            for given, each in zip(members, done.members, strict=True)
        ],
    }


def _text(name: str, done: MembersEnrolled) -> str:
    unchanged = len(done.members) - done.enrolled
    already = f"{unchanged:,} were enrolled so already" if unchanged != 1 else "1 was enrolled so already"
    if not done.changed:
        return f"Nobody was to be enrolled with {name}: {already}."
    told = f"{several(done.enrolled, 'member')} enrolled with {name}, in {several(done.blocks, 'block')}"
    return f"{told}{f'; {already}' if unchanged else ''}. {it_holds(done.effective_at or 0)}"

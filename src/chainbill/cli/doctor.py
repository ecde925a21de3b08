"""``chainbill doctor``."""

from __future__ import annotations

import click

from chainbill.cli.shell.arguments import as_options
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_table
from chainbill.operations.checkup import Finding, Verdict, check_up


@click.command(cls=ShellCommand, example="chainbill doctor")
@click.pass_context
@pass_invocation
def doctor(invocation: Invocation, context: click.Context) -> None:
    """Check that everything needed is there, and say what to do.

    Exits with 1 when a check fails; a warning is no failure.
    """
    checked = check_up(invocation.state_dir, invocation.network, invocation.rpc_url)
    findings = [_with_options(finding) for finding in checked]
    healthy = all(finding.verdict is not Verdict.FAIL for finding in findings)
    facts = {"healthy": healthy, "checks": [finding.model_dump(mode="json") for finding in findings]}
    emit(facts, lambda: _show(findings))
    if not healthy:
        context.exit(ExitCode.FAILED)


def _with_options(finding: Finding) -> Finding:
    said = {"found": as_options(finding.found), "advice": finding.advice and as_options(finding.advice)}
    return finding.model_copy(update=said)


def _show(findings: list[Finding]) -> None:
    rows = [
        (finding.verdict.value, finding.check, finding.found, finding.advice or "") for finding in findings
    ]
    show_table(("", "check", "found", "what to do"), rows)

"""What the options before the command say, and the session that they lead to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainbill.cli.shell.arguments import as_options
from chainbill.errors import ChainbillError
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.networks import state_of
from chainbill.state.untold import Untold

if TYPE_CHECKING:
    # web3 costs most of a second to import; only a command that needs the chain pays for it.
    from chainbill.state.rehearsal import Rehearsal
    from chainbill.state.session import Session


@dataclass
class Invocation:
    """One run of the program."""

    state_dir: Path | None = None
    rpc_url: str | None = None
    network: str | None = None
    json: bool = False
    yes: bool = False
    """What the command asks is answered beforehand."""
    dry_run: bool = False
    """Nothing is to be sent."""
    rehearsal: Rehearsal | None = None
    """The dry run, once there is a session."""
    untold: Untold = field(default_factory=Untold, init=False)
    """What was done and is still to be shown."""
    _shows_devnet: bool = field(default=False, init=False)

    @cached_property
    def home(self) -> StateDirectory:
        """The state directory, with the state of the devnet's chain.

        Raises:
            StateError: it cannot be used, or others could look into it.
        """
        return StateDirectory.open(self.state_dir)

    @cached_property
    def state(self) -> StateDirectory:
        """The state of the chain that is meant: ``--network``, else ``$CHAINBILL_NETWORK``, else the network
        in use, else the devnet.

        Raises:
            StateError: there is no such network, or as ``home``.
        """
        return state_of(self.home, self.network)

    def session(self) -> Session:
        """Connect to the chain and open address book, keystores and schedules; in a dry run, to a fork and
        copies of them.

        Raises:
            DevnetError: the devnet is not running.
            ChainError: no node answers.
            NotDeployed: no deployment is recorded for its chain.
        """
        if self.dry_run:
            from chainbill.state.rehearsal import rehearsal

            context = click.get_current_context()
            self.rehearsal = context.with_resource(rehearsal(self.state, self.rpc_url))
            return self._telling(self.rehearsal.session)
        from chainbill.state.session import Session

        session = Session.open(self.state, self.rpc_url)
        if session.devnet is not None:
            self.shows_devnet()
        return self._telling(session)

    def _telling(self, session: Session) -> Session:
        session.untold = self.untold
        click.get_current_context().call_on_close(self.untold.never_told)
        return session

    def shows_devnet(self) -> None:
        """From now on the devnet's chain is saved before anything is shown, and at the command's end."""
        if not self._shows_devnet:
            self._shows_devnet = True
            click.get_current_context().call_on_close(lambda: self.save_shown(shown=False))

    def save_shown(self, *, shown: bool = True) -> None:
        """Have the devnet's chain saved, so that it holds what is shown whatever is killed next. This says so
        where it cannot be; what was sent is sent, so that is no failure of the command."""
        if not self._shows_devnet:
            return
        try:
            LocalDevnet(self.state).save(shown=shown)
        except ChainbillError as error:
            self._shows_devnet = False
            click.echo(f"note: {as_options(str(error))}", err=True)
            click.echo(f"note: {as_options(error.hint or '')}", err=True)


pass_invocation = click.make_pass_decorator(Invocation)
"""Hands a command the ``Invocation`` as its first argument."""

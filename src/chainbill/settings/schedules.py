"""Schedules: the key behind opaque service ids and the names published under it.

An insurer hands its fee schedule to the providers it accepts, outside the chain; here the state directory is
that channel. A provider has one of its own for its cash prices. Whoever holds a schedule can read which
service an id on chain stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chainbill.errors import StateError
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.records.service_id import new_schedule_key, service_id, service_ids
from chainbill.settings.files import locked, read_private, write_private


class Schedule(BaseModel):
    """One insurer's or provider's schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner_id: int
    """Payer id of the insurer, or id of the provider."""
    key_hex: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    """The schedule key, hexadecimal. Secret: an insurer shares it with the providers it accepts and with
    nobody else."""
    services: tuple[str, ...] = ()
    """Catalogue names with a published fee or price, in order."""

    @property
    def key(self) -> bytes:
        """The 32-byte schedule key."""
        return bytes.fromhex(self.key_hex)

    def id_of(self, service: str) -> bytes:
        """The 8-byte id of a service."""
        return service_id(self.key, service)

    def names(self) -> dict[bytes, str]:
        """Each published service's name by its id.

        Raises:
            CatalogueError: two services share an id.
        """
        return service_ids(self.key, self.services)


class Schedules:
    """The schedules of one directory, a file per owner's id."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __contains__(self, owner_id: int) -> bool:
        return self._path(owner_id).is_file()

    def load(self, owner_id: int) -> Schedule:
        """An insurer's (or, among cash prices, a provider's) schedule.

        Raises:
            StateError: there is none, or its file is damaged or open to other users.
        """
        content = read_private(self._path(owner_id))
        if content is None:
            raise StateError(
                f"the schedule of payer {owner_id} is not here",
                hint="the insurer publishes its fees first: chainbill insurer fees --help",
            )
        refuse_repeated_keys(content, f"the schedule {self._path(owner_id)}", StateError)
        try:
            return Schedule.model_validate_json(content)
        except ValidationError:
            raise StateError(f"the schedule {self._path(owner_id)} is damaged") from None

    def all(self) -> list[Schedule]:
        """Every schedule, by owner's id."""
        ids = sorted(int(path.stem) for path in self.directory.glob("*.json") if path.stem.isdecimal())
        return [self.load(owner_id) for owner_id in ids]

    def publish(self, owner_id: int, services: Iterable[str]) -> Schedule:
        """Add services to a schedule, making its key where there is none; returns the whole.

        Raises:
            CatalogueError: two services share an id.
        """
        with locked(self.directory / ".lock"):
            if self._path(owner_id).exists():
                schedule = self.load(owner_id)
            else:
                schedule = Schedule(owner_id=owner_id, key_hex=new_schedule_key().hex())
            together = tuple(sorted({*schedule.services, *services}))
            schedule = schedule.model_copy(update={"services": together})
            schedule.names()
            write_private(self._path(owner_id), schedule.model_dump_json(indent=2).encode() + b"\n")
        return schedule

    def _path(self, owner_id: int) -> Path:
        return self.directory / f"{owner_id}.json"

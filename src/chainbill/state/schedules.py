"""Schedules: the key behind opaque service ids and the names published under it.

An insurer hands its fee schedule to the providers it accepts, outside the chain: sealed on its contact card,
or through a state directory that they share. A provider has one of its own for its cash prices. Whoever holds
a schedule can read which service an id on chain stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chainbill.errors import StateError
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.records.service_id import decoy_ids, draw_decoys, new_schedule_key, service_id, service_ids
from chainbill.state.private_files import locked, read_private, write_private


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
    decoys: dict[str, Annotated[int, Field(ge=0, le=1_000)]] = {}
    """How many decoys a service was given when it was first published; none in a schedule of before."""

    @property
    def key(self) -> bytes:
        """The 32-byte schedule key."""
        return bytes.fromhex(self.key_hex)

    def id_of(self, service: str) -> bytes:
        """The 8-byte id of a service."""
        return service_id(self.key, service)

    def ids_of(self, service: str) -> tuple[bytes, ...]:
        """The id of a service, and those of its decoys, which change whenever it does."""
        return (self.id_of(service), *decoy_ids(self.key, service, self.decoys.get(service, 0)))

    def names(self) -> dict[bytes, str]:
        """Each published service's name by its id; decoys are not among them.

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
                hint="the insurer publishes its fees: chainbill insurer fees --help; and hands it to those "
                "elsewhere: chainbill contacts card --for NAME",
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
        with self._changing(owner_id) as (schedule, write):
            return write({"services": tuple(sorted({*schedule.services, *services}))})

    def draw(self, owner_id: int, services: Iterable[str]) -> Schedule:
        """Give decoys to services that are to be published for the first time; returns the whole.

        This is written down before anything is sent: a publishing that was cut off goes on with the same.

        Raises:
            CatalogueError: two services share an id.
        """
        with self._changing(owner_id) as (schedule, write):
            # Decoys that came after their service would be known for what they are.
            new = {each for each in services if each not in schedule.services and each not in schedule.decoys}
            return write({"decoys": schedule.decoys | {each: draw_decoys() for each in sorted(new)}})

    def keep(self, handed: Schedule) -> bool:
        """Keep what its owner has handed over, in place of what it had before; False where it is here
        already.

        Raises:
            CatalogueError: two services share an id.
        """
        handed.names()
        with locked(self.directory / ".lock"):
            if handed.owner_id in self and self.load(handed.owner_id) == handed:
                return False
            write_private(self._path(handed.owner_id), handed.model_dump_json(indent=2).encode() + b"\n")
        return True

    @contextmanager
    def _changing(self, owner_id: int) -> Iterator[tuple[Schedule, Callable[[Mapping[str, Any]], Schedule]]]:
        """A schedule, new where there is none, and what writes it with changes; for one process at a time."""

        def write(changes: Mapping[str, Any]) -> Schedule:
            changed = schedule.model_copy(update=changes)
            changed.names()
            write_private(self._path(owner_id), changed.model_dump_json(indent=2).encode() + b"\n")
            return changed

        with locked(self.directory / ".lock"):
            known = self._path(owner_id).exists()
            key = new_schedule_key().hex()
            schedule = self.load(owner_id) if known else Schedule(owner_id=owner_id, key_hex=key)
            yield schedule, write

    def _path(self, owner_id: int) -> Path:
        return self.directory / f"{owner_id}.json"

"""What an auditor does. It needs no key: a node is enough."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from chainbill.client import parties
from chainbill.client.arguments import checked
from chainbill.client.parties import PartyName, PatientName
from chainbill.errors import ArgumentError, StateError, quoted, unusable
from chainbill.operations import audit, readings
from chainbill.operations.audit import (
    MONEY_AND_CLAIMS,
    Filter,
    HistoryEntry,
    HistoryKind,
    RawLedger,
    ShownClaim,
    Verification,
)
from chainbill.operations.readings import CheckedReadings
from chainbill.records.reading_proof import ReadingsProof
from chainbill.records.vault import VaultKey
from chainbill.state.session import Session


@checked
class Auditor:
    """Rebuilds the ledger from the chain's logs, and compares it with contract state."""

    def __init__(
        self,
        session: Session,
        *,
        attestations: str | os.PathLike[str] | None = None,
        vault: str | os.PathLike[str] | None = None,
        key: VaultKey | None = None,
    ) -> None:
        self._session = session
        self._evidence = audit.given_evidence(
            None if attestations is None else Path(attestations), None if vault is None else Path(vault), key
        )

    def verify(
        self, *, copy: str | os.PathLike[str] | None = None, to_block: int | None = None
    ) -> Verification:
        """Does everything add up? See ``operations.audit.verify``.

        Args:
            copy: a file that ``export`` has written: check that against the chain.
            to_block: audit up to this block; None: the newest.
        """
        ledger = None if copy is None else RawLedger.read(Path(copy))
        return audit.verify(self._session, copy=ledger, to_block=to_block, evidence=self._evidence)

    def history(
        self,
        *,
        patient: PatientName | None = None,
        provider: PartyName | None = None,
        payer: PartyName | None = None,
        kinds: Sequence[str] = (),
        since_block: int = 0,
    ) -> tuple[HistoryEntry, ...]:
        """What happened, the oldest first; see ``operations.audit.read_history``.

        Args:
            kinds: such as ``"deposit"``; none: claims, disputes and money.

        Raises:
            ArgumentError: there is no such kind.
        """
        for kind in kinds:
            if kind not in list(HistoryKind):
                raise ArgumentError(
                    f"{quoted(kind)} is no kind of entry",
                    argument="kinds",
                    hint=f"one of {', '.join(HistoryKind)}",
                )
        session = self._session
        wanted = Filter(
            kinds=frozenset(map(HistoryKind, kinds)) or MONEY_AND_CLAIMS,
            patient=None if patient is None else parties.patient(session, patient),
            provider_id=None if provider is None else parties.provider_id(session, provider),
            payer_id=None if payer is None else parties.payer_id(session, payer),
            since_block=since_block,
        )
        return audit.read_history(session, wanted)

    def show(self, *claims: str) -> tuple[ShownClaim, ...]:
        """Claims in full, each by its number (``2:7``), commitment or id; see
        ``operations.audit.show_claims``."""
        return audit.show_claims(self._session, claims, self._evidence)

    def check_readings(self, proof: ReadingsProof | str | os.PathLike[str]) -> CheckedReadings:
        """Look a proof of readings, or its file, up on chain; see ``operations.readings.check_readings``."""
        read = proof if isinstance(proof, ReadingsProof) else readings.read_proof(Path(proof))
        return readings.check_readings(self._session, read)

    def export(self, file: str | os.PathLike[str]) -> RawLedger:
        """Write every log of the deployment to a file; returns what is in it.

        Raises:
            StateError: there is such a file already, or it cannot be written.
        """
        ledger, path = audit.export_ledger(self._session), Path(file)
        try:
            with path.open("xb") as opened:
                opened.write(ledger.to_bytes())
        except FileExistsError:
            raise StateError(f"{path} exists already", hint="name another file") from None
        except OSError as error:
            raise unusable(path, "written", error) from None
        return ledger

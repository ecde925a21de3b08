"""Wycheproof's Bitcoin signatures against the contracts' recovery: 463 published attempts on ECDSA, as
signatures of oracles and, in the compact form, of attesters."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.attestation.wycheproof import Case, cases
from tests.contracts.situations import endings
from tests.support.attesting import words_under
from tests.support.deployment import NOW, ZERO_ADDRESS, Protocol
from tests.support.evm import Contract, Evm

from chainbill.attestation.signing import COMPACT_BYTES, recover
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.errors import AttestationError

MALFORMED, WELL_FORMED = 232, 231


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Evm(NOW).deploy(ZERO_ADDRESS, "LibraryHarness")


def well_formed(vectors_dir: Path) -> list[tuple[Case, bytes]]:
    """Each case that is strict DER, with v 27 and with 28."""
    return [
        (case, case.numbers + v)
        for case in cases(vectors_dir)
        if case.numbers is not None
        for v in (b"\x1b", b"\x1c")
    ]


def test_strict_der__malformed_signatures__are_refused_off_chain(vectors_dir: Path) -> None:
    malformed = [case for case in cases(vectors_dir) if case.numbers is None]
    assert len(malformed) == MALFORMED
    assert not any(case.valid for case in malformed)


def test_recover__wycheproof__accepts_exactly_the_valid(harness: Contract, vectors_dir: Path) -> None:
    tried = well_formed(vectors_dir)
    assert len(tried) == 2 * WELL_FORMED
    accepted = {
        case.number
        for case, signature in tried
        if harness.read("recoverSigner", case.digest, signature, 0) == case.signer.lower()
    }
    assert accepted == {case.number for case, _ in tried if case.recoverable}
    assert len(accepted) == 162 - len(
        {case.number for case, _ in tried if case.valid and not case.recoverable}
    )


def test_recover__wycheproof__solidity_and_python_find_the_same_signer(
    harness: Contract, vectors_dir: Path
) -> None:
    """Whoever it is: an invalid signature may be some other key's, and must be that one's on both sides."""
    for case, signature in well_formed(vectors_dir):
        try:
            expected = recover(case.digest, signature).lower()
        except AttestationError:
            expected = ZERO_ADDRESS
        assert harness.read("recoverSigner", case.digest, signature, 0) == expected, case.number


@pytest.mark.parametrize("index", [0, 1, 2])
def test_recover__signatures_joined__reads_the_one_that_begins_there(
    harness: Contract, vectors_dir: Path, index: int
) -> None:
    case, signature = next(
        (case, signature)
        for case, signature in well_formed(vectors_dir)
        if case.valid and harness.read("recoverSigner", case.digest, signature, 0) == case.signer.lower()
    )
    joined = [bytes(65)] * 3
    joined[index] = signature
    found = [harness.read("recoverSigner", case.digest, b"".join(joined), 65 * n) for n in range(3)]
    assert found == [case.signer.lower() if n == index else ZERO_ADDRESS for n in range(3)]


def test_settle__wycheproof_numbers_under_a_row__count_exactly_where_they_are_some_keys(
    protocol: Protocol, vectors_dir: Path
) -> None:
    """Each r and s in the compact form under words of ours: whoever's signature Python says it is, is made an
    attester; where it is nobody's, the row pends."""
    section = protocol.section(protocol.row(protocol.patient, 1))
    ((_, words),) = words_under(section, [1])
    digest = words.digest(protocol.domain)
    packed = protocol.packed(section)
    tried = {True: 0, False: 0}
    for case, signature in well_formed(vectors_dir):
        s = int.from_bytes(signature[32:64], "big")
        if s >> 255:
            continue  # there is no room for it
        with protocol.rolled_back():
            try:
                signer = recover(digest, signature)
                protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, signer)
            except AttestationError:
                signer = None
            parity_and_s = s | (signature[64] - 27) << 255
            compact = signature[:32] + parity_and_s.to_bytes(32, "big")
            receipt = protocol.submit(protocol.batch(packed[:-COMPACT_BYTES] + compact))
            refused = [] if signer else [(1, Outcome.PENDED, Reason.NOT_ATTESTED)]
            assert endings(receipt) == refused, case.number
            tried[signer is not None] += 1
    assert tried == {True: 344, False: 46}

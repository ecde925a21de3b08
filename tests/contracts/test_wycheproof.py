"""Wycheproof's Bitcoin signatures against the contract's recovery: 463 published attempts on ECDSA."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.attestation.wycheproof import Case, cases
from tests.support.deployment import NOW, ZERO_ADDRESS
from tests.support.evm import Contract, Evm

from chainbill.attestation.signing import recover
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

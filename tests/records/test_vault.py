"""The vault opens to its recipients, to nobody else, and never with another record than the one committed."""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from chainbill.errors import AttestationError, ChainbillError, StateError
from chainbill.records.commitment import Opening, new_salt
from chainbill.records.sealed_file import SealedRecord
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind
from chainbill.records.shared_records import RecordsFolder
from chainbill.records.vault import Vault, VaultKey, copy_tag

PROVIDER = VaultKey.generate()
PATIENT = VaultKey.generate()
STRANGER = VaultKey.generate()
RECIPIENTS = [PROVIDER.public, PATIENT.public]


def opening(amount: int = 42_500_000) -> Opening:
    event = ServiceEvent(
        kind=ServiceKind.LABORATORY_TEST,
        record_identity="DiagnosticReport/17",
        patient=Party(reference="Patient/1", name="Maria Example"),
        provider=Party(reference="Organization/9"),
        service="lipid-panel",
        category=5,
        description="Cholesterol test",
        performed_at=datetime(2026, 3, 1, tzinfo=UTC),
        billed_amount=amount,
        price_source=PriceSource.CLAIM_ITEM,
    )
    return Opening(event, new_salt())


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


def only_file(vault: Vault) -> Path:
    [path] = vault.directory.iterdir()
    return path


@pytest.mark.parametrize("recipient", [PROVIDER, PATIENT])
def test_open__recipient__gets_the_record_back(vault: Vault, recipient: VaultKey) -> None:
    sealed = opening()
    commitment = vault.seal(sealed, RECIPIENTS)
    assert commitment == sealed.commitment
    assert vault.open(commitment, recipient) == sealed
    assert Vault(vault.directory).open(commitment, recipient) == sealed


def test_open__stranger__is_refused(vault: Vault) -> None:
    commitment = vault.seal(opening(), RECIPIENTS)
    with pytest.raises(StateError, match="not sealed to this key"):
        vault.open(commitment, STRANGER)


def test_open__unknown_commitment__says_which_is_missing(vault: Vault) -> None:
    with pytest.raises(StateError, match=r"0xabab.* is not in the vault"):
        vault.open(b"\xab" * 32, PATIENT)


def test_seal__a_record__shows_neither_the_record_nor_the_recipients(vault: Vault) -> None:
    vault.seal(opening(), RECIPIENTS)
    content = only_file(vault).read_bytes()
    boxes = b"".join(b64decode(copy["box"]) for copy in orjson.loads(content)["copies"])
    for secret in (b"Maria", b"lipid", b"42500000"):
        assert secret not in content
        assert secret not in boxes
    for key in (PROVIDER, PATIENT):
        assert key.public not in boxes
        assert key.public.hex().encode() not in content


def test_seal__two_records_to_one_patient__cannot_be_linked(vault: Vault) -> None:
    for amount in (1_000_000, 2_000_000):
        vault.seal(opening(amount), RECIPIENTS)
    tags = [
        copy["to"] for path in vault.directory.iterdir() for copy in orjson.loads(path.read_bytes())["copies"]
    ]
    assert len(set(tags)) == 4


def test_seal__many_records__copies_lie_in_random_order(vault: Vault) -> None:
    def first_is_the_patients(amount: int) -> bool:
        commitment = vault.seal(opening(amount), RECIPIENTS)
        copies = orjson.loads((vault.directory / f"{commitment.hex()}.sealed").read_bytes())["copies"]
        try:
            PATIENT.unseal(b64decode(copies[0]["box"]))
        except AttestationError:
            return False
        return True

    assert {first_is_the_patients(amount) for amount in range(64)} == {True, False}


def test_vault__made__is_readable_by_its_owner_alone(vault: Vault) -> None:
    before = os.umask(0)
    try:
        vault.seal(opening(), RECIPIENTS)
        fresh = Vault(vault.directory.parent / "another")
    finally:
        os.umask(before)
    assert vault.directory.stat().st_mode & 0o777 == 0o700
    assert fresh.directory.stat().st_mode & 0o777 == 0o700
    assert only_file(vault).stat().st_mode & 0o777 == 0o600


def test_vault__directory_open_to_others__is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(StateError, match="open to other users") as refused:
        Vault(tmp_path)
    assert refused.value.hint == f"chmod 700 {tmp_path}"


def test_vault__a_file_in_its_place__is_refused(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        Vault(tmp_path / "vault")


def test_vault__several_records__lists_their_commitments(vault: Vault) -> None:
    sealed = {vault.seal(opening(amount), RECIPIENTS) for amount in (1, 2, 3)}
    assert list(vault) == sorted(sealed)
    assert all(commitment in vault for commitment in sealed)
    assert bytes(32) not in vault


def test_seal__again__replaces_the_file(vault: Vault) -> None:
    sealed = opening()
    vault.seal(sealed, [PROVIDER.public])
    commitment = vault.seal(sealed, RECIPIENTS)
    assert vault.open(commitment, PATIENT) == sealed
    assert list(vault) == [commitment]


def test_seal__one_recipient_twice__is_one_copy(vault: Vault) -> None:
    vault.seal(opening(), [PATIENT.public, PATIENT.public])
    assert len(orjson.loads(only_file(vault).read_bytes())["copies"]) == 1


@pytest.mark.parametrize("recipients", [[], [bytes(31)], [PROVIDER.public, b""]])
def test_seal__no_usable_recipient__is_refused_and_writes_nothing(
    vault: Vault, recipients: list[bytes]
) -> None:
    with pytest.raises(AttestationError):
        vault.seal(opening(), recipients)
    assert list(vault.directory.iterdir()) == []


def test_seal__write_fails__leaves_the_old_file_and_no_other(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = opening()
    commitment = vault.seal(sealed, RECIPIENTS)
    before = only_file(vault).read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(StateError, match="No space left"):
        vault.seal(sealed, RECIPIENTS)
    assert only_file(vault).read_bytes() == before
    assert vault.open(commitment, PATIENT) == sealed


def test_open__another_records_file__is_refused(vault: Vault) -> None:
    first, second = (vault.seal(opening(amount), [PATIENT.public]) for amount in (1, 2))
    files = [vault.directory / f"{commitment.hex()}.sealed" for commitment in (first, second)]
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(StateError, match="not sealed to this key"):
        vault.open(first, PATIENT)


def test_open__another_records_box_under_the_right_tag__is_refused(vault: Vault) -> None:
    first, second = (vault.seal(opening(amount), [PATIENT.public]) for amount in (1, 2))
    files = [vault.directory / f"{commitment.hex()}.sealed" for commitment in (first, second)]
    contents = [orjson.loads(path.read_bytes()) for path in files]
    contents[0]["copies"][0]["box"] = contents[1]["copies"][0]["box"]
    files[0].write_bytes(orjson.dumps(contents[0]))
    with pytest.raises(AttestationError, match=f"does not open commitment 0x{first.hex()}"):
        vault.open(first, PATIENT)


def flip_a_box_bit(content: Any) -> bytes:
    box = bytearray(b64decode(content["copies"][0]["box"]))
    box[60] ^= 1
    content["copies"][0]["box"] = b64encode(box).decode()
    return orjson.dumps(content)


@pytest.mark.parametrize(
    "damage, error",
    [
        (flip_a_box_bit, AttestationError),
        (lambda _: b"", StateError),
        (lambda _: b"not json", StateError),
        (lambda _: b"[]", StateError),
        (lambda _: b'{"copies":[{}]}', StateError),
        (
            lambda content: orjson.dumps(content | {"copies": [content["copies"][0] | {"box": "%%"}]}),
            StateError,
        ),
        (
            lambda content: orjson.dumps(content | {"copies": [content["copies"][0] | {"box": ""}]}),
            AttestationError,
        ),
    ],
)
def test_open__damaged_file__is_refused_without_showing_the_record(
    vault: Vault, damage: Callable[[Any], bytes], error: type[ChainbillError]
) -> None:
    commitment = vault.seal(opening(), [PATIENT.public])
    path = only_file(vault)
    path.write_bytes(damage(orjson.loads(path.read_bytes())))
    with pytest.raises(error) as refused:
        vault.open(commitment, PATIENT)
    assert commitment.hex() in str(refused.value) or error is AttestationError
    assert "Maria" not in str(refused.value)


@pytest.mark.parametrize("commitment", [b"", bytes(31), b"../../etc/passwd"])
def test_open__not_a_commitment__is_refused(vault: Vault, commitment: bytes) -> None:
    with pytest.raises(AttestationError, match="a commitment has 32 bytes"):
        vault.open(commitment, PATIENT)


def test_vault_key__written_and_read__is_the_same() -> None:
    assert VaultKey(PATIENT.to_bytes()).public == PATIENT.public


def test_vault_key__derived__is_the_same_each_time_and_not_the_account_key() -> None:
    account = bytes(range(32))
    derived = VaultKey.derive(account)
    assert VaultKey.derive(account).public == derived.public
    assert VaultKey.derive(bytes(32)).public != derived.public
    assert derived.to_bytes() != account


@pytest.mark.parametrize("make", [VaultKey, VaultKey.derive])
def test_vault_key__wrong_length__is_refused(make: Callable[[bytes], VaultKey]) -> None:
    with pytest.raises(AttestationError, match="32 bytes, not 31"):
        make(bytes(31))


def test_vault_key__shown__hides_the_private_half() -> None:
    assert PATIENT.to_bytes().hex() not in repr(PATIENT)


def test_iter__files_of_other_names__are_no_records(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault")
    for name in ("copy of 00.sealed", "zz.sealed", "00.sealed", f"{'00' * 32}.sealed.bak"):
        (vault.directory / name).write_bytes(b"")
    assert list(vault) == []


# ---- records of elsewhere -----------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path) -> Vault:
    """A provider's vault, on a machine of its own."""
    return Vault(tmp_path / "elsewhere")


def test_take__sealed_to_me__keeps_my_copy_alone(vault: Vault, elsewhere: Vault) -> None:
    sealed = opening()
    commitment = elsewhere.seal(sealed, RECIPIENTS)
    record = elsewhere.sealed(commitment)
    assert vault.take(commitment, record, PATIENT) is True
    assert vault.open(commitment, PATIENT) == sealed
    assert list(vault.sealed(commitment).copies) == [copy_tag(commitment, PATIENT.public)]
    assert vault.take(commitment, record, PATIENT) is False
    # What is here of another reader stays.
    assert vault.take(commitment, record, PROVIDER) is True
    assert len(vault.sealed(commitment).copies) == 2


def test_take__sealed_to_others__keeps_nothing(vault: Vault, elsewhere: Vault) -> None:
    commitment = elsewhere.seal(opening(), RECIPIENTS)
    assert vault.take(commitment, elsewhere.sealed(commitment), STRANGER) is None
    assert commitment not in vault


def test_take__another_record_under_the_commitment__is_refused(vault: Vault, elsewhere: Vault) -> None:
    commitment, other = elsewhere.seal(opening(), RECIPIENTS), opening().commitment
    box = elsewhere.sealed(commitment).copies[copy_tag(commitment, PATIENT.public)]
    with pytest.raises(AttestationError, match="does not open commitment"):
        vault.take(other, SealedRecord({copy_tag(other, PATIENT.public): box}), PATIENT)
    assert other not in vault


def test_take__damaged_copy__is_refused(vault: Vault) -> None:
    commitment = opening().commitment
    with pytest.raises(AttestationError, match="damaged"):
        vault.take(commitment, SealedRecord({copy_tag(commitment, PATIENT.public): b"junk"}), PATIENT)
    assert commitment not in vault


def test_shared_folder__what_one_seals__the_other_opens(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    shared = RecordsFolder(tmp_path / "shared")
    sealed = opening()
    commitment = Vault(tmp_path / "provider", shared=shared).seal(sealed, RECIPIENTS)
    patient = Vault(tmp_path / "patient", shared=shared)
    assert commitment in patient
    assert patient.open(commitment, PATIENT) == sealed
    assert list(patient.directory.iterdir()) == []
    with pytest.raises(StateError, match="not sealed to this key"):
        patient.open(commitment, STRANGER)


def test_shared_folder__here_for_others_and_there_for_me__is_opened(tmp_path: Path, vault: Vault) -> None:
    sealed = opening()
    commitment = vault.seal(sealed, [PROVIDER.public])
    (tmp_path / "shared").mkdir()
    shared = RecordsFolder(tmp_path / "shared")
    Vault(tmp_path / "other", shared=shared).seal(sealed, [PATIENT.public])
    assert Vault(vault.directory, shared=shared).open(commitment, PATIENT) == sealed

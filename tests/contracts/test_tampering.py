"""What somebody could change about a signed batch, and the name of the error that stops it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from tests.support.deployment import HOUR, NOW, REFILL, Protocol, account
from tests.support.evm import reverts

from chainbill.attestation.signing import CURVE_ORDER, Signer
from chainbill.attestation.typed_data import Domain, SettlementBatch
from chainbill.chain.format.batch_codec import BatchRow, encode_sections
from chainbill.errors import ContractReverted
from chainbill.money import CENT

# ---- the rows ---------------------------------------------------------------------------------------------

ROW_CHANGES: dict[str, Callable[[Protocol, BatchRow], BatchRow]] = {
    "amount": lambda protocol, row: replace(row, billed=row.billed + CENT),
    "service id": lambda protocol, row: replace(row, service_id=REFILL),
    "patient": lambda protocol, row: replace(row, patient=bytes.fromhex(protocol.neighbour[2:])),
    "units": lambda protocol, row: replace(row, units=2),
    "commitment": lambda protocol, row: replace(row, commitment=bytes(32)),
    "benefit year": lambda protocol, row: replace(row, benefit_year=row.benefit_year - 1),
    "sequence": lambda protocol, row: replace(row, sequence=row.sequence + 1),
}


def signed_by_nobody_of_the_quorum(protocol: Protocol, batch: SettlementBatch, signed: list[bytes]) -> None:
    """A changed digest recovers strangers, who are unsorted or not members; nothing settles."""
    before = protocol.state(1, 2)
    with pytest.raises(ContractReverted) as refused:
        protocol.submit(batch, signed)
    assert refused.value.name in ("NotOracleMember", "SignersUnsorted", "InvalidSignature")
    # One signer cannot be unsorted: its recovered address is not a member's.
    with pytest.raises(ContractReverted) as refused:
        protocol.submit(batch, [signed[0], signed[0]])
    assert refused.value.name in ("NotOracleMember", "InvalidSignature")
    assert protocol.state(1, 2) == before


@pytest.mark.parametrize("change", ROW_CHANGES.values(), ids=ROW_CHANGES)
def test_settle__row_changed_after_signing__reverts(
    protocol: Protocol, change: Callable[[Protocol, BatchRow], BatchRow]
) -> None:
    row = protocol.row(protocol.patient, 1)
    signed = protocol.sign(protocol.batch([protocol.section(row)]))
    changed = protocol.batch([protocol.section(change(protocol, row))])
    signed_by_nobody_of_the_quorum(protocol, changed, signed)


SECTION_FIELDS = ("provider_id", "payer_id", "plan_id", "terms_version")
SECONDARY_FIELDS = ("secondary_payer_id", "secondary_plan_id", "secondary_terms_version")


@pytest.mark.parametrize("field", SECTION_FIELDS)
def test_settle__section_changed_after_signing__reverts(protocol: Protocol, field: str) -> None:
    section = protocol.section(protocol.row(protocol.patient, 1))
    signed = protocol.sign(protocol.batch([section]))
    changed = protocol.batch([replace(section, **{field: getattr(section, field) + 1})])
    signed_by_nobody_of_the_quorum(protocol, changed, signed)


@pytest.mark.parametrize("field", SECONDARY_FIELDS)
def test_settle__secondary_payer_changed_after_signing__reverts(protocol: Protocol, field: str) -> None:
    section = protocol.coordinated(protocol.row(protocol.patient, 1), secondary=2)
    signed = protocol.sign(protocol.batch([section]))
    changed = protocol.batch([replace(section, **{field: getattr(section, field) + 1})])
    signed_by_nobody_of_the_quorum(protocol, changed, signed)


def test_settle__corrected_claim_changed_after_signing__reverts(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 1, corrects=bytes(32))
    signed = protocol.sign(protocol.batch([protocol.corrections(row)]))
    changed = protocol.batch([protocol.corrections(replace(row, corrects=b"\1" * 32))])
    signed_by_nobody_of_the_quorum(protocol, changed, signed)


@pytest.mark.parametrize("operator", ["operator", "stranger"])
def test_settle__operator_changed_after_signing__reverts(protocol: Protocol, operator: str) -> None:
    """Who submits a batch cannot take the fee."""
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    signed = protocol.sign(batch)
    signed_by_nobody_of_the_quorum(protocol, replace(batch, operator=account(operator).address), signed)


@pytest.mark.parametrize("field", ["signed_at", "deadline"])
def test_settle__time_changed_after_signing__reverts(protocol: Protocol, field: str) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    signed = protocol.sign(batch)
    changed = replace(batch, **{field: getattr(batch, field) - 1})
    signed_by_nobody_of_the_quorum(protocol, changed, signed)


def test_settle__epoch_changed_after_signing__reverts(protocol: Protocol) -> None:
    """The same members in a new epoch: a signature counts for the epoch in its digest alone."""
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    signed = protocol.sign(batch)
    protocol.open_epoch()
    signed_by_nobody_of_the_quorum(protocol, replace(batch, epoch=2), signed)


def test_settle__any_bit_of_the_batch_flipped__reverts(protocol: Protocol) -> None:
    rows = [protocol.row(protocol.patient, 1), protocol.row(protocol.neighbour, 2)]
    batch = protocol.batch([protocol.section(*rows)])
    signed = protocol.sign(batch)
    before = protocol.state(1, 2)
    for bit in range(0, len(batch.sections) * 8, 3):
        flipped = bytearray(batch.sections)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContractReverted):
            protocol.submit(replace(batch, sections=bytes(flipped)), signed)
    assert protocol.state(1, 2) == before
    assert protocol.submit(batch, signed).value == (2, 0, 0, 0)


# ---- the place --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["chain", "contract"])
def test_settle__signed_for_elsewhere__reverts(protocol: Protocol, place: str) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    here = protocol.domain
    elsewhere = {
        "chain": Domain(here.chain_id + 1, here.verifying_contract),
        "contract": Domain(here.chain_id, protocol.escrow.address),
    }[place]
    signed = [signer.sign(batch.digest(elsewhere)) for signer in protocol.oracles[:2]]
    signed_by_nobody_of_the_quorum(protocol, batch, signed)


# ---- the order --------------------------------------------------------------------------------------------


def swapped_groups(protocol: Protocol) -> bytes:
    """Two patients of one row each, the higher address first, as no encoder of ours writes it."""
    packed = encode_sections(
        [protocol.section(protocol.row(protocol.patient, 1), protocol.row(protocol.neighbour, 2))]
    )
    header, groups = packed[:28], packed[28:]
    assert len(groups) == 2 * 75
    return header + groups[75:] + groups[:75]


def test_settle__patients_out_of_order__reverts(protocol: Protocol) -> None:
    with reverts("PatientsUnsorted", previous=protocol.neighbour, patient=protocol.patient):
        protocol.submit(protocol.batch(swapped_groups(protocol)))


def test_settle__one_patient_in_two_groups__reverts(protocol: Protocol) -> None:
    packed = bytearray(encode_sections([protocol.section(protocol.row(protocol.patient, 1))]))
    twice = bytes(packed) + bytes(packed[28:])
    counts = (2).to_bytes(2, "big") * 2
    with reverts("PatientsUnsorted", previous=protocol.patient, patient=protocol.patient):
        protocol.submit(protocol.batch(twice[:20] + counts + twice[24:]))


def test_settle__payers_out_of_order__reverts(protocol: Protocol) -> None:
    payer_id = protocol.second_payer(protocol.late)
    mine = protocol.packed(protocol.section(protocol.row(protocol.patient, 1)))
    other = protocol.packed(protocol.section(protocol.row(protocol.late, 2), payer_id=payer_id))
    for packed in (other + mine, mine + other + mine):
        with reverts("SectionsUnsorted", previousPayers=payer_id << 32, payers=protocol.payer_id << 32):
            protocol.submit(protocol.batch(packed))


def test_settle__secondary_payers_out_of_order__reverts(protocol: Protocol) -> None:
    """One payer's sections without a secondary come first, then by secondary."""
    row = protocol.row(protocol.patient, 1)
    without = protocol.packed(protocol.section(row))
    with_2, with_3 = (protocol.packed(protocol.coordinated(row, secondary=n)) for n in (2, 3))
    first = protocol.payer_id << 32
    for packed, higher, lower in (
        (with_2 + without, first + 2, first),
        (with_3 + with_2, first + 3, first + 2),
    ):
        with reverts("SectionsUnsorted", previousPayers=higher, payers=lower):
            protocol.submit(protocol.batch(packed))


# ---- the signatures ---------------------------------------------------------------------------------------


@pytest.fixture
def batch(protocol: Protocol) -> SettlementBatch:
    return protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])


def test_settle__signers_descending__reverts(protocol: Protocol, batch: SettlementBatch) -> None:
    low, high, _ = protocol.oracles
    with reverts("SignersUnsorted", previous=high.address, signer=low.address):
        protocol.submit(batch, protocol.sign(batch, [high, low]))


def test_settle__one_signer_twice__reverts(protocol: Protocol, batch: SettlementBatch) -> None:
    signer = protocol.oracles[0]
    with reverts("SignersUnsorted", previous=signer.address, signer=signer.address):
        protocol.submit(batch, protocol.sign(batch, [signer, signer]))


def outsiders(protocol: Protocol) -> dict[str, Signer]:
    """Keys that are no members': below all of them by address, between two, and above."""
    low, middle, high = (int(oracle.address, 16) for oracle in protocol.oracles)
    strangers = [Signer(account(f"outsider {number}")) for number in range(200)]
    places = {"below": (0, low), "between": (low, middle), "next": (middle, high), "above": (high, 2**160)}
    return {
        place: next(signer for signer in strangers if least < int(signer.address, 16) < most)
        for place, (least, most) in places.items()
    }


@pytest.mark.parametrize("place", ["below", "between", "next", "above"])
@pytest.mark.parametrize("beside", [0, 1, 2])
def test_settle__signer_who_is_no_member__reverts(
    protocol: Protocol, batch: SettlementBatch, place: str, beside: int
) -> None:
    """Whichever member signs with it."""
    outsider = outsiders(protocol)[place]
    signers = sorted([protocol.oracles[beside], outsider], key=lambda signer: int(signer.address, 16))
    with reverts("NotOracleMember", signer=outsider.address, epoch=1):
        protocol.submit(batch, protocol.sign(batch, signers))


@pytest.mark.parametrize("signers", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_settle__any_members_in_their_order__settles(
    protocol: Protocol, batch: SettlementBatch, signers: tuple[int, ...]
) -> None:
    signed = protocol.sign(batch, [protocol.oracles[number] for number in signers])
    assert protocol.submit(batch, signed).value == (1, 0, 0, 0)


def test_settle__quorum_and_an_outsider__reverts(protocol: Protocol, batch: SettlementBatch) -> None:
    """Nobody's signature rides along: a batch with one that does not count was not made by an oracle."""
    outsider = Signer(account("stranger"))
    signers = sorted([*protocol.oracles[:2], outsider], key=lambda signer: signer.address.lower())
    with reverts("NotOracleMember", signer=outsider.address, epoch=1):
        protocol.submit(batch, protocol.sign(batch, signers))


def test_settle__more_signatures_than_members__reverts(protocol: Protocol, batch: SettlementBatch) -> None:
    with reverts("TooManySignatures", signatures=4, members=3):
        protocol.submit(batch, protocol.sign(batch, [*protocol.oracles, protocol.oracles[2]]))


# ---- the members ------------------------------------------------------------------------------------------


def submit_with(protocol: Protocol, batch: SettlementBatch, members: bytes, signed: bytes) -> None:
    header, sections, _, slot = protocol.settle_arguments(batch)
    protocol.settlement.send(protocol.stranger, "settle", header, sections, members + signed, slot)


def as_bytes(members: Sequence[str]) -> bytes:
    return b"".join(bytes.fromhex(member[2:]) for member in members)


LISTS: dict[str, Callable[[list[str]], list[str]]] = {
    "none": lambda members: [],
    "without the first": lambda members: members[1:],
    "without the last": lambda members: members[:-1],
    "without one in between": lambda members: [members[0], members[2]],
    "one twice": lambda members: [members[0], members[0], members[2]],
    "one twice, beside all": lambda members: [members[0], *members],
    "another beside all": lambda members: sorted([*members, account("stranger").address], key=str.lower),
    "another in place of one": lambda members: [*members[:2], account("stranger").address],
    "another in place of all": lambda members: [account("stranger").address] * 3,
    "zero in place of one": lambda members: ["0x" + "00" * 20, *members[1:]],
    "descending": lambda members: members[::-1],
    "two swapped": lambda members: [members[1], members[0], members[2]],
}


@pytest.mark.parametrize("change", LISTS.values(), ids=LISTS)
def test_settle__members_that_are_not_the_epochs__reverts(
    protocol: Protocol, batch: SettlementBatch, change: Callable[[list[str]], list[str]]
) -> None:
    """The list is checked against the epoch's, whoever has signed."""
    members = as_bytes(change([oracle.address for oracle in protocol.oracles]))
    stranger = Signer(account("stranger"))
    for signers in (protocol.oracles[:2], [stranger, stranger], []):
        with reverts("NotTheMembers", epoch=1):
            submit_with(protocol, batch, members, b"".join(protocol.sign(batch, signers)))
    assert not protocol.is_spent(1)


def test_settle__members_of_another_epoch__reverts(protocol: Protocol) -> None:
    """Each epoch has its own list: neither the next one's members nor those before it count."""
    others = sorted((Signer(account(f"newer {n}")) for n in range(3)), key=lambda s: int(s.address, 16))
    protocol.open_epoch(others)
    lists = [as_bytes([signer.address for signer in signers]) for signers in (protocol.oracles, others)]
    for epoch, signers in ((1, others), (2, protocol.oracles)):
        batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))], epoch=epoch)
        with reverts("NotTheMembers", epoch=epoch):
            submit_with(protocol, batch, lists[2 - epoch], b"".join(protocol.sign(batch, signers[:2])))
        # Nor do its keys sign under the right list.
        with reverts("NotOracleMember", signer=signers[0].address, epoch=epoch):
            submit_with(protocol, batch, lists[epoch - 1], b"".join(protocol.sign(batch, signers[:2])))


@pytest.mark.parametrize("size", [0, 1, 19, 20, 40, 59])
def test_settle__too_short_to_hold_the_members__reverts(
    protocol: Protocol, batch: SettlementBatch, size: int
) -> None:
    members = as_bytes([oracle.address for oracle in protocol.oracles])
    with reverts("NotTheMembers", epoch=1):
        submit_with(protocol, batch, members[:size], b"")


@pytest.mark.parametrize("byte", range(60))
def test_settle__any_byte_of_the_members_changed__reverts(
    protocol: Protocol, batch: SettlementBatch, byte: int
) -> None:
    members = bytearray(as_bytes([oracle.address for oracle in protocol.oracles]))
    members[byte] ^= 1
    with reverts("NotTheMembers", epoch=1):
        submit_with(protocol, batch, bytes(members), b"".join(protocol.sign(batch)))


def test_settle__members_alone__reverts(protocol: Protocol, batch: SettlementBatch) -> None:
    with reverts("QuorumNotReached", signatures=0, threshold=2):
        submit_with(protocol, batch, protocol.members_of(1), b"")


# ---- broken signatures ------------------------------------------------------------------------------------


def high_s(signature: bytes) -> bytes:
    """The mirror image of a signature: the same key, s in the upper half."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    """The 64 bytes of ERC-2098, with v in the highest bit of s."""
    y_parity = signature[64] - 27
    return signature[:32] + bytes([signature[32] | y_parity << 7]) + signature[33:64]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "high s": high_s,
    "all zero": lambda signature: bytes(65),
    "v of 0 or 1": lambda signature: signature[:64] + bytes([signature[64] - 27]),
    "v of EIP-155": lambda signature: signature[:64] + bytes([signature[64] + 10]),
    "r of 0": lambda signature: bytes(32) + signature[32:],
    "s of 0": lambda signature: signature[:32] + bytes(32) + signature[64:],
    "r beyond the curve": lambda signature: CURVE_ORDER.to_bytes(32, "big") + signature[32:],
}


LENGTHS: dict[str, Callable[[bytes], bytes]] = {
    "compact": compact,
    "empty": lambda signature: b"",
    "a byte too long": lambda signature: signature + b"\0",
    "a byte too short": lambda signature: signature[:-1],
}


@pytest.mark.parametrize("broken", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("index", [0, 1])
def test_settle__signatures_that_are_not_65_bytes_each__reverts(
    protocol: Protocol, batch: SettlementBatch, broken: Callable[[bytes], bytes], index: int
) -> None:
    """They are joined: one of another length shifts or loses what follows."""
    signed = protocol.sign(batch)
    signed[index] = broken(signed[index])
    with pytest.raises(ContractReverted) as refused:
        protocol.submit(batch, signed)
    assert refused.value.name in ("InvalidSignature", "QuorumNotReached")
    assert not protocol.is_spent(1)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("index", [0, 1])
def test_settle__broken_signature__reverts(
    protocol: Protocol, batch: SettlementBatch, broken: Callable[[bytes], bytes], index: int
) -> None:
    signed = protocol.sign(batch)
    signed[index] = broken(signed[index])
    with reverts("InvalidSignature", index=index):
        protocol.submit(batch, signed)


def test_settle__random_signatures__never_settle(protocol: Protocol, batch: SettlementBatch) -> None:
    draw = random.Random("forger")
    for _ in range(200):
        forged = [draw.randbytes(64) + bytes([draw.choice((27, 28))]) for _ in range(2)]
        with pytest.raises(ContractReverted) as refused:
            protocol.submit(batch, forged)
        assert refused.value.name in ("InvalidSignature", "NotOracleMember")


def test_settle__attesters_signature_as_an_oracles__reverts(
    protocol: Protocol, batch: SettlementBatch
) -> None:
    """A provider cannot settle what it attested."""
    provider = Signer(account("provider"))
    with reverts("NotOracleMember", signer=provider.address):
        protocol.submit(batch, protocol.sign(batch, [provider, provider]))


# ---- again ------------------------------------------------------------------------------------------------


def test_settle__batch_replayed__skips_every_row(protocol: Protocol) -> None:
    rows = [protocol.row(protocol.patient, 1), protocol.row(protocol.patient, 2, b"unlisted")]
    batch = protocol.batch([protocol.section(*rows)])
    assert protocol.submit(batch).value == (1, 1, 0, 0)
    before = protocol.state(1, 2)
    assert protocol.submit(batch).value == (0, 0, 0, 2)
    assert protocol.state(1, 2) == before


def test_settle__row_in_another_batch__is_skipped(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.evm.now = NOW + HOUR
    # Even with another patient, service or amount: the provider's sequence is spent.
    receipt = protocol.settle(protocol.row(protocol.neighbour, 1, REFILL), protocol.row(protocol.patient, 2))
    assert receipt.value == (1, 0, 0, 1)


def test_settle__replayed_after_its_deadline__reverts(protocol: Protocol, batch: SettlementBatch) -> None:
    protocol.submit(batch)
    protocol.evm.now = batch.deadline + 1
    with reverts("BatchExpired"):
        protocol.submit(batch)

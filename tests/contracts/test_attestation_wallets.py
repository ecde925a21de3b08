"""Attesters that are contracts (ERC-1271): asked with bounded gas, and believed if they answer as the
standard says; whatever else they do pends the rows they answer for, and nothing else. A submitter that gives
too little gas cannot make them seem to say no."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Any

import pytest
from eth_abi.abi import encode
from tests.contracts.situations import endings
from tests.contracts.test_attestation import NOT_ATTESTED, PROVIDER, STRANGER, settled_by, submit
from tests.contracts.test_attestation_spans import KINDS
from tests.contracts.test_payer_failed import refused_for_gas
from tests.support.attesting import words_under
from tests.support.deployment import HOUR, NOW, ZERO_ADDRESS, Protocol
from tests.support.evm import Contract, Receipt, reverts
from tests.support.sampling import quick_first

from chainbill.chain.format.batch_codec import BatchSection, RowsAttestation, encode_sections
from chainbill.errors import ChainError
from chainbill.records.hashing import keccak256

IS_VALID_SIGNATURE = keccak256(b"isValidSignature(bytes32,bytes)")[:4]
MAGIC = IS_VALID_SIGNATURE.ljust(32, b"\0")
"""ERC-1271's word for yes."""

ANSWER_GAS = 300_000
"""What a contract gets to answer."""

AT_HAND = ANSWER_GAS + ANSWER_GAS // 32
"""What must be left before it is asked."""


class Way(IntEnum):
    """How OddWallet answers."""

    RETURNS = 0
    REVERTS = 1
    HALTS = 2
    SPENDS = 3
    RETURNS_MUCH = 4
    RETURNS_IF_ASKED = 5


def tell(
    wallet: Contract, protocol: Protocol, way: Way, answer: bytes = MAGIC, number: int = 0, asked: bytes = b""
) -> None:
    """From now on the odd wallet answers so."""
    wallet.send(protocol.stranger, "answerWith", way, answer, number, keccak256(asked))


def add(protocol: Protocol, attester: str) -> None:
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, attester)


@pytest.fixture
def odd(protocol: Protocol) -> Contract:
    """An attester that says yes to everything, until it is told otherwise."""
    wallet = protocol.evm.deploy(protocol.stranger, "OddWallet")
    tell(wallet, protocol, Way.RETURNS)
    add(protocol, wallet.address)
    return wallet


@pytest.fixture
def wallet(protocol: Protocol) -> Contract:
    """An attester that says yes to the signatures of its owner, a stranger."""
    deployed = protocol.evm.deploy(protocol.stranger, "ContractWallet", protocol.stranger)
    add(protocol, deployed.address)
    return deployed


def answered_by(address: str, section: BatchSection, *signatures: bytes, span: int = 1) -> BatchSection:
    """The section under a contract's signatures, each of as many groups or of one row."""
    contract = bytes.fromhex(address[2:])
    return replace(
        section, attestations=tuple(RowsAttestation(span, signature, contract) for signature in signatures)
    )


def visit(protocol: Protocol) -> BatchSection:
    return protocol.section(protocol.row(protocol.patient, 1))


def digest_of(protocol: Protocol, section: BatchSection, span: int) -> bytes:
    ((_, words),) = words_under(section, [span])
    return words.digest(protocol.domain)


def pends(protocol: Protocol, section: BatchSection, signed_at: int | None = None) -> bool:
    """Does the visit pend, with nothing written, or settle?"""
    before = protocol.state(1)
    with protocol.rolled_back():
        receipt = submit(protocol, section, signed_at=signed_at)
        if settled_by(receipt) == [1]:
            return False
        assert endings(receipt) == [(1, *NOT_ATTESTED)]
        assert protocol.state(1) == before
        return True


# ---- a wallet that does as it should ----------------------------------------------------------------------


@pytest.mark.parametrize("span", [0, 1])
def test_settle__wallet_that_says_yes__settles(protocol: Protocol, wallet: Contract, span: int) -> None:
    signature = STRANGER.sign(digest_of(protocol, visit(protocol), span))
    assert not pends(protocol, answered_by(wallet.address, visit(protocol), signature, span=span))


@pytest.mark.parametrize("span", [0, 1])
def test_settle__wallet_that_says_no__pends(protocol: Protocol, wallet: Contract, span: int) -> None:
    """Asked about other words, or with another key's signature."""
    right = STRANGER.sign(digest_of(protocol, visit(protocol), span))
    other = STRANGER.sign(digest_of(protocol, visit(protocol), 1 - span))
    for wrong in (other, PROVIDER.sign(digest_of(protocol, visit(protocol), span)), right[:-1], b""):
        assert pends(protocol, answered_by(wallet.address, visit(protocol), wrong, span=span))


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 65, 1_000, 2**16 - 1])
def test_settle__wallets_signature_of_any_length__is_handed_on_whole(
    protocol: Protocol, odd: Contract, size: int
) -> None:
    """With the digest, encoded as the standard's call, and nothing behind it."""
    signature = bytes(n % 251 for n in range(size))
    section = visit(protocol)
    asked = IS_VALID_SIGNATURE + encode(["bytes32", "bytes"], [digest_of(protocol, section, 1), signature])
    tell(odd, protocol, Way.RETURNS_IF_ASKED, asked=asked)
    assert not pends(protocol, answered_by(odd.address, section, signature))
    tell(odd, protocol, Way.RETURNS_IF_ASKED, asked=asked + b"\0")
    assert pends(protocol, answered_by(odd.address, section, signature))


def test_settle__several_wallets_and_keys_in_one_section__each_answers_for_its_rows(
    protocol: Protocol, wallet: Contract, odd: Contract
) -> None:
    rows = [protocol.row(protocol.patient, n) for n in range(1, 7)]
    section = protocol.section(*rows)
    digests = [words.digest(protocol.domain) for _, words in words_under(section, [0] * 6)]
    by_wallet, by_odd = (bytes.fromhex(each.address[2:]) for each in (wallet, odd))
    attestations = (
        RowsAttestation(0, STRANGER.sign(digests[0]), by_wallet),
        RowsAttestation(0, PROVIDER.sign(digests[1])),
        RowsAttestation(0, b"no signature", by_odd),
        RowsAttestation(0, STRANGER.sign(digests[4]), by_wallet),  # of another row
        RowsAttestation(0, STRANGER.sign(digests[4]), by_wallet),
        RowsAttestation(0, STRANGER.sign(digests[5])),  # the owner's key is no attester
    )
    receipt = submit(protocol, replace(section, attestations=attestations))
    assert settled_by(receipt) == [1, 2, 3, 5]
    assert endings(receipt) == [(4, *NOT_ATTESTED), (6, *NOT_ATTESTED)]


# ---- only a standing attester is asked --------------------------------------------------------------------


def test_settle__wallet_that_is_no_attester__pends_and_is_not_asked(protocol: Protocol) -> None:
    """It would burn what it is given."""
    wallet = protocol.evm.deploy(protocol.stranger, "OddWallet")
    section = answered_by(wallet.address, visit(protocol), b"")
    tell(wallet, protocol, Way.RETURNS)
    assert pends(protocol, section)
    tell(wallet, protocol, Way.HALTS)
    with protocol.rolled_back():
        assert submit(protocol, section).gas_used < ANSWER_GAS


def test_settle__wallet_of_another_provider__pends(protocol: Protocol) -> None:
    wallet = protocol.evm.deploy(protocol.stranger, "OddWallet")
    tell(wallet, protocol, Way.RETURNS)
    protocol.registry.send(protocol.governor, "register", protocol.late, [wallet.address])
    assert pends(protocol, answered_by(wallet.address, visit(protocol), b""))


def test_settle__wallet_revoked_and_added_again__counts_from_then_on(
    protocol: Protocol, odd: Contract
) -> None:
    section = answered_by(odd.address, visit(protocol), b"")
    protocol.advance(HOUR)
    assert not pends(protocol, section, signed_at=NOW)
    protocol.registry.send(protocol.provider, "revokeAttester", protocol.provider_id, odd.address)
    assert pends(protocol, section, signed_at=NOW)
    assert pends(protocol, section)
    add(protocol, odd.address)
    assert pends(protocol, section, signed_at=protocol.evm.now - 1)
    assert not pends(protocol, section)


def test_settle__key_named_as_a_contract__pends(protocol: Protocol) -> None:
    """There is nobody at its address to answer; a call there succeeds with nothing."""
    section = visit(protocol)
    signature = PROVIDER.sign(digest_of(protocol, section, 1))
    assert pends(protocol, answered_by(PROVIDER.address, section, signature))


@pytest.mark.parametrize("span", [0, 1])
def test_settle__zero_address_named_as_a_contract__pends(protocol: Protocol, span: int) -> None:
    """It can be nobody's attester, whatever has been remembered of the section so far."""
    assert pends(protocol, answered_by(ZERO_ADDRESS, visit(protocol), MAGIC, span=span))


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 9])
def test_settle__precompile_for_an_attester__pends(protocol: Protocol, number: int) -> None:
    """The identity answers with what it is asked, which begins like a yes."""
    address = "0x" + number.to_bytes(20, "big").hex()
    add(protocol, address)
    for signature in (b"", MAGIC, MAGIC * 3):
        assert pends(protocol, answered_by(address, visit(protocol), signature))


def test_settle__token_or_payer_for_an_attester__pends(protocol: Protocol) -> None:
    for contract in (protocol.token, protocol.payer, protocol.settlement, protocol.escrow, protocol.registry):
        add(protocol, contract.address)
        assert pends(protocol, answered_by(contract.address, visit(protocol), b""))


# ---- answers that are no yes ------------------------------------------------------------------------------


ANSWERS: dict[str, tuple[Way, bytes, int]] = {
    "another word": (Way.RETURNS, b"\xff" * 4 + bytes(28), 0),
    "nothing": (Way.RETURNS, b"", 0),
    "zero": (Way.RETURNS, bytes(32), 0),
    "true": (Way.RETURNS, bytes(31) + b"\1", 0),
    "the magic value alone": (Way.RETURNS, MAGIC[:4], 0),
    "a byte short": (Way.RETURNS, MAGIC[:31], 0),
    "the magic value at the word's other end": (Way.RETURNS, MAGIC[:4].rjust(32, b"\0"), 0),
    "the magic value and something behind it": (Way.RETURNS, MAGIC[:31] + b"\1", 0),
    "the magic value in the second word": (Way.RETURNS, bytes(32) + MAGIC, 0),
    "a revert": (Way.REVERTS, b"", 0),
    "a revert with the magic value": (Way.REVERTS, MAGIC, 0),
    "all its gas burnt": (Way.HALTS, MAGIC, 0),
    "more gas than it gets": (Way.SPENDS, MAGIC, ANSWER_GAS),
    "much, of something else": (Way.RETURNS_MUCH, bytes(32), 300_000),
    "so much that its gas does not reach": (Way.RETURNS_MUCH, MAGIC, 1_000_000),
}


@pytest.mark.parametrize("way, answer, number", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("span", [0, 1])
def test_settle__answer_that_is_no_yes__pends_those_rows_alone(
    protocol: Protocol, odd: Contract, way: Way, answer: bytes, number: int, span: int
) -> None:
    tell(odd, protocol, way, answer, number)
    good = protocol.section(protocol.row(protocol.neighbour, 2))
    with protocol.rolled_back():
        alone = submit(protocol, good)
        without = protocol.state(1, 2)
    receipt = submit(protocol, answered_by(odd.address, visit(protocol), b"signature", span=span), good)
    assert endings(receipt) == [(1, *NOT_ATTESTED)]
    assert settled_by(receipt) == [2]
    assert protocol.state(1, 2) == without
    assert receipt.gas_used < alone.gas_used + ANSWER_GAS + 200_000
    protocol.assert_solvent()


def test_settle__yes_in_the_first_of_many_words__settles_and_the_rest_is_not_copied(
    protocol: Protocol, odd: Contract
) -> None:
    """Decoders of the standard's answer, a bytes4, look no further."""
    tell(odd, protocol, Way.RETURNS)
    section = answered_by(odd.address, visit(protocol), b"")
    with protocol.rolled_back():
        plain = submit(protocol, section)
    tell(odd, protocol, Way.RETURNS_MUCH, MAGIC, 300_000)
    receipt = submit(protocol, section)
    assert settled_by(receipt) == [1]
    assert receipt.gas_used < plain.gas_used + ANSWER_GAS


def test_settle__every_attestation_burns_its_gas__each_costs_its_bound_and_no_more(
    protocol: Protocol, odd: Contract
) -> None:
    tell(odd, protocol, Way.HALTS)
    rows = [protocol.row(protocol.patient, n) for n in range(1, 21)]
    section = answered_by(odd.address, protocol.section(*rows), *[b""] * 20, span=0)
    receipt = submit(protocol, section, protocol.section(protocol.row(protocol.neighbour, 99)))
    assert receipt.value == (1, 0, 20, 0)
    assert 20 * ANSWER_GAS < receipt.gas_used < 20 * (ANSWER_GAS + 15_000) + 400_000


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_settle__gas_burnt_in_each_kind_of_section__pends_all_of_it(
    protocol: Protocol, odd: Contract, kind: Any
) -> None:
    tell(odd, protocol, Way.HALTS)
    sections = [answered_by(odd.address, each, b"") for each in kind(protocol)]
    before = protocol.state(1, 2, 3)
    receipt = submit(protocol, *sections)
    assert {ending[1:] for ending in endings(receipt)} == {NOT_ATTESTED}
    assert protocol.state(1, 2, 3) == before


# ---- calling back -----------------------------------------------------------------------------------------


def test_settle__wallet_that_settles_meanwhile__cannot(protocol: Protocol, wallet: Contract) -> None:
    """It is asked by a static call, and settlement is locked: that the call fails is what it signs upon."""
    inner = protocol.batch([protocol.section(protocol.row(protocol.neighbour, 2))])
    calldata = protocol.settlement.functions["settle"].encode(protocol.settle_arguments(inner))
    section = visit(protocol)
    section = answered_by(wallet.address, section, STRANGER.sign(digest_of(protocol, section, 1)))
    locked = keccak256(b"ReentrancyGuardReentrantCall()")[:4]
    wallet.send(protocol.stranger, "setProbe", protocol.settlement.address, calldata, False, locked)
    receipt = submit(protocol, section)
    assert settled_by(receipt) == [1]
    assert not protocol.is_spent(2)
    protocol.assert_solvent()


def test_settle__wallet_that_revokes_itself_meanwhile__cannot(protocol: Protocol) -> None:
    """The registry does not know the lock: a static call writes nothing."""
    wallet = protocol.evm.deploy(protocol.stranger, "ContractWallet", protocol.stranger)
    provider = int(
        protocol.registry.send(protocol.governor, "register", wallet.address, [wallet.address]).value
    )
    protocol.accept_provider(provider)
    protocol.grant(protocol.patient, provider_id=provider)
    calldata = protocol.registry.functions["revokeAttester"].encode((provider, wallet.address))
    wallet.send(protocol.stranger, "setProbe", protocol.registry.address, calldata, False, b"")
    section = replace(visit(protocol), provider_id=provider)
    section = answered_by(wallet.address, section, STRANGER.sign(digest_of(protocol, section, 1)))
    assert settled_by(submit(protocol, section)) == [1]
    assert protocol.registry.read("isAttester", provider, wallet.address)


def test_settle__wallet_that_looks_meanwhile__sees_the_sequence_in_use_and_no_claim_yet(
    protocol: Protocol, wallet: Contract
) -> None:
    section = visit(protocol)
    section = answered_by(wallet.address, section, STRANGER.sign(digest_of(protocol, section, 1)))
    look = protocol.settlement.functions["isSpent"].encode((protocol.provider_id, 1))
    for seen, settles in ((1, True), (0, False)):
        wallet.send(
            protocol.stranger,
            *("setProbe", protocol.settlement.address, look, True, seen.to_bytes(32, "big")),
        )
        assert pends(protocol, section) is not settles


# ---- layout -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [-300, -2, -1, 1, 2, 64, 300, 40_000])
@pytest.mark.parametrize("standing", [False, True])
def test_settle__length_of_a_wallets_signature_that_lies__reverts(
    protocol: Protocol, odd: Contract, change: int, standing: bool
) -> None:
    attester = odd.address if standing else protocol.stranger
    packed = bytearray(encode_sections([answered_by(attester, visit(protocol), bytes(400))]))
    packed[-402:-400] = (400 + change).to_bytes(2, "big")
    for behind in (b"", bytes(packed)):
        with reverts("MalformedBatch"):
            protocol.submit(protocol.batch(bytes(packed) + behind))


def test_settle__wallets_attestation_cut_short_anywhere__reverts(protocol: Protocol, odd: Contract) -> None:
    packed = encode_sections([answered_by(odd.address, visit(protocol), bytes(10))])
    whole = 2 + 20 + 2 + 10
    for size in range(whole):
        cut = bytearray(packed[: len(packed) - whole + size])
        cut[25:28] = size.to_bytes(3, "big")
        for behind in (b"", packed):
            with reverts("MalformedBatch"):
                protocol.submit(protocol.batch(bytes(cut) + behind))


# ---- gas --------------------------------------------------------------------------------------------------


def batches(protocol: Protocol, odd: Contract) -> dict[str, list[BatchSection]]:
    """A wallet's rows alone, before a key's, and in a run."""
    late = protocol.section(protocol.row(protocol.neighbour, 2))
    by_wallet = answered_by(odd.address, visit(protocol), b"signature")
    second = protocol.second_payer(protocol.late)
    return {
        "alone": [by_wallet],
        "in a run": [by_wallet, late],
        "behind others": [by_wallet, replace(late, payer_id=second)],
        "twice": [
            answered_by(
                odd.address,
                protocol.section(protocol.row(protocol.patient, 1), protocol.row(protocol.patient, 2)),
                *(b"", b""),
                span=0,
            )
        ],
    }


ARRANGEMENTS = ["alone", "in a run", "behind others", "twice"]
COSTS = {
    "hardly anything": (Way.RETURNS, 0),
    "nearly all it gets": (Way.SPENDS, ANSWER_GAS - 15_000),
    "more than it gets": (Way.SPENDS, ANSWER_GAS + 1),
}


def submit_with(protocol: Protocol, sections: list[BatchSection], gas: int) -> Receipt:
    return protocol.submit(protocol.batch(sections), gas=gas)


def sweep(protocol: Protocol, sections: list[BatchSection], limits: range) -> tuple[int, int]:
    """How many gas limits were enough, and too little: each must end as with plenty, or revert."""
    untouched = protocol.state(1, 2)
    with protocol.rolled_back():
        tally = submit_with(protocol, sections, 50_000_000).value
        wanted = protocol.state(1, 2)
    enough = too_little = 0
    for gas in limits:
        with protocol.rolled_back():
            try:
                ended = submit_with(protocol, sections, gas).value
            except ChainError as refusal:
                refused_for_gas(refusal)
                too_little += 1
                assert protocol.state(1, 2) == untouched, gas
                continue
            assert (ended, protocol.state(1, 2)) == (tally, wanted), gas
            enough += 1
    return enough, too_little


@pytest.mark.parametrize("way, number", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("arrangement", quick_first(ARRANGEMENTS))
def test_settle__every_gas_limit__settles_equally_or_reverts(
    protocol: Protocol, odd: Contract, arrangement: str, way: Way, number: int
) -> None:
    """A wallet that needs nearly all it gets is never given less, so that it cannot seem to have said no."""
    tell(odd, protocol, way, number=number)
    sections = batches(protocol, odd)[arrangement]
    enough, too_little = sweep(protocol, sections, range(60_000, 1_800_000, 9_973))
    assert min(enough, too_little) > 20


@pytest.mark.parametrize("way, number", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("arrangement", quick_first(ARRANGEMENTS))
def test_settle__gas_limits_around_the_least__settle_equally_or_revert(
    protocol: Protocol, odd: Contract, arrangement: str, way: Way, number: int
) -> None:
    tell(odd, protocol, way, number=number)
    sections = batches(protocol, odd)[arrangement]
    least = least_gas(protocol, sections)
    enough, too_little = sweep(protocol, sections, range(least - 3_000, least + 3_000, 61))
    assert min(enough, too_little) > 40


def least_gas(protocol: Protocol, sections: list[BatchSection]) -> int:
    """The smallest limit with which the batch ends, by halving."""
    low, high = 60_000, 4_000_000
    while high - low > 1:
        middle = (low + high) // 2
        enough, _ = sweep(protocol, sections, range(middle, middle + 1))
        low, high = (low, middle) if enough else (middle, high)
    return high


def test_settle__too_little_gas_to_ask_a_wallet__says_so(protocol: Protocol, odd: Contract) -> None:
    """Not that its signature is bad: though it is, and nothing else needs as much."""
    tell(odd, protocol, Way.RETURNS, bytes(32))
    section = answered_by(odd.address, visit(protocol), b"")
    least = least_gas(protocol, [section])
    with reverts("InsufficientGas", required=AT_HAND):
        submit_with(protocol, [section], least - 200)

"""Transactions that are not mined at once: stuck, lost, displaced, refused; on nodes of several kinds.

anvil refuses a max fee below the base fee; on a real network such a transaction waits for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.support.fake_node import ANVIL, AVALANCHE, GETH, GWEI, KINDS, FakeNode, Kind, Refused, serving
from tests.support.sending import ACCOUNT, TOKEN, Clock, Scene, bound, offered
from web3 import Web3
from web3.types import Wei

from chainbill.chain.contracts import DevUsd
from chainbill.chain.node.fees import FeePolicy
from chainbill.chain.node.outbox import Errand, Sending
from chainbill.errors import ChainError, Displaced, GasTooDear, NeedsGas, NodeError

ERRAND = Errand("deposit", TOKEN, 5)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with serving(FakeNode(request.param)) as node:
        yield Scene(node, Clock())


@pytest.fixture(params=[GETH, AVALANCHE], ids=lambda kind: kind.name)
def waiting_scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """On these a transaction waits that offers too little."""
    with serving(FakeNode(request.param)) as node:
        yield Scene(node, Clock())


# ---- stuck ---------------------------------------------------------------------------------------------


def test_send__base_fee_rises_above_it__is_replaced_and_the_replacement_counts(waiting_scene: Scene) -> None:
    scene = waiting_scene
    scene.mines_each(1)
    sender, node = scene.sender(), scene.node
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 5 * GWEI))
    receipt = sender.send(bound(sender))
    (first, second) = node.received
    assert offered(node) == [(0, 2 * GWEI + 1), (0, 10 * GWEI + 1)]
    assert first["data"] == second["data"]
    digest = receipt["transactionHash"].to_0x_hex()
    assert node.mined[digest][1] == second
    assert scene.outbox.sendings() == []


def test_send__replaced_and_the_first_one_mined_after_all__is_done_once(waiting_scene: Scene) -> None:
    scene, node = waiting_scene, waiting_scene.node
    sender = scene.sender()
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 5 * GWEI))

    def mine_the_first() -> None:
        address = ACCOUNT.address.lower()
        first = node.received[0]
        node.base_fee = GWEI
        node.pool[address, 0] = f"0x{scene.outbox.sendings()[0].hash.hex()}", first
        node.mine()

    scene.clock.then(20, mine_the_first)
    receipt = sender.send(bound(sender))
    assert len(node.received) == 2
    assert bytes(receipt["transactionHash"]) == bytes.fromhex(next(iter(node.mined))[2:])
    assert node.used[ACCOUNT.address.lower()] == 1


def test_send__stuck_beyond_the_cap__is_never_offered_more_and_is_said_to_wait(waiting_scene: Scene) -> None:
    scene, node = waiting_scene, waiting_scene.node
    scene.mines_each(1)
    sender = scene.sender(FeePolicy(cap=3 * GWEI))
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 50 * GWEI))
    with pytest.raises(NodeError, match=r"was sent, and may be mined: it is in no block after 120 s$"):
        sender.send(bound(sender))
    assert offered(node) == [(0, 2 * GWEI + 1)]
    assert len(scene.outbox.sendings()) == 1


def test_send__stuck_and_no_money_for_a_better_offer__says_how_much_to_send(waiting_scene: Scene) -> None:
    scene, node = waiting_scene, waiting_scene.node
    sender = scene.sender()
    node.balance = 200_000 * GWEI
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 50 * GWEI))
    with pytest.raises(ChainError, match=rf"may be mined: .* needs gas: send 0\.0061 to {ACCOUNT.address}"):
        sender.send(bound(sender))


def test_send__an_earlier_one_is_stuck__both_are_replaced(waiting_scene: Scene) -> None:
    """The first of an account's transactions holds up all that follow."""
    scene, node = waiting_scene, waiting_scene.node
    sender = scene.sender()
    node.base_fee = 5 * GWEI
    cheap = {"gasPrice": GWEI, "gas": 50_000, "nonce": 0, "to": TOKEN, "data": b"", "chainId": 424_242}
    signed = ACCOUNT.sign_transaction({**cheap, "value": 0})
    scene.outbox.note(Sending(bytes(signed.hash), 0, bytes(signed.raw_transaction), "call 0xearlier"))
    node.eth_sendRawTransaction(signed.raw_transaction.to_0x_hex())
    scene.mines_each(1)
    sender.send(bound(sender))
    assert [nonce for nonce, _ in offered(node)] == [0, 1, 0]
    assert node.used[ACCOUNT.address.lower()] == 2


def test_send__no_block_is_made_at_all__says_that_the_network_makes_none(scene: Scene) -> None:
    sender = scene.sender()
    with pytest.raises(NodeError, match=r"may be mined: .* after 120 s: the network makes none at present"):
        sender.send(bound(sender))
    assert len(scene.node.received) == 1


def test_send__blocks_come_again_late__says_that_it_waits_and_goes_on(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Two of five validators were gone for a minute."""
    sender = scene.sender()
    scene.clock.then(9.9, lambda: said.append(len(caplog.messages)))
    scene.clock.then(14, lambda: said.append(len(caplog.messages)))
    # One block without it, and a while later one with it.
    scene.clock.then(61, lambda: scene.node.mine(most=0))
    scene.clock.then(66, scene.node.mine)
    said: list[int] = []
    receipt = sender.send(bound(sender))
    assert receipt["status"] == 1
    assert len(scene.node.received) == 1
    assert said == [0, 1]
    standing, again = caplog.messages
    assert re.match(r"the network makes no blocks: \d+ is still the newest after 1\d s; waiting", standing)
    assert f"your transaction {receipt['transactionHash'].to_0x_hex()} is safe" in standing
    assert again.startswith("the network makes blocks again")


@pytest.mark.parametrize("seconds, is_said", [(1, False), (11, False), (30, True)])
def test_send__blocks_come_at_their_usual_pace_without_it__nothing_is_said(
    scene: Scene, caplog: pytest.LogCaptureFixture, seconds: int, is_said: bool
) -> None:
    """Its own block comes late. Half a minute between blocks tells that they are made for transactions."""
    scene.node.seconds_of_a_block = seconds
    for number in range(1, 4):
        scene.node.mine()
        scene.clock.then(number * seconds, lambda: scene.node.mine(most=0))
    scene.clock.then(3 * seconds + 1, scene.node.mine)
    sender = scene.sender()
    sender.send(bound(sender))
    assert bool(caplog.messages) == is_said


def test_send_many__no_block_is_made__says_so(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    sender = scene.sender()
    scene.mines_each(25)
    first, _ = sender.send_many([bound(sender, 1), bound(sender, 2)], gas=60_000)
    assert f"your transaction {first['transactionHash'].to_0x_hex()} is safe" in caplog.messages[0]


def test_send__node_forgets_its_pool__the_same_bytes_are_sent_again(scene: Scene) -> None:
    sender = scene.sender()
    scene.clock.then(5, scene.node.forget_pool)
    for seconds in (10, 20):
        scene.clock.then(seconds, scene.node.mine)
    receipt = sender.send(bound(sender))
    first, again = scene.node.received
    assert first == again
    assert receipt["status"] == 1


def test_send__replacement_refused_as_too_cheap__offers_more_at_once(waiting_scene: Scene) -> None:
    """The node has a replacement that nobody noted: its step is over what we know of."""
    scene, node = waiting_scene, waiting_scene.node
    sender = scene.sender()
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 3 * GWEI))
    address = ACCOUNT.address.lower()

    def dearer() -> None:
        _, transaction = node.pool[address, 0]
        node.pool[address, 0] = "0x" + "77" * 32, {**transaction, "maxFeePerGas": Wei(7 * GWEI)}

    scene.clock.then(1, dearer)
    scene.clock.then(30, node.mine)
    assert sender.send(bound(sender))["status"] == 1
    assert offered(node)[-1][1] > 7 * GWEI * 1.1


def test_send__nonce_taken_by_another_program__is_displaced_and_says_so(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node

    def other() -> None:
        node.forget_pool()
        node.used[ACCOUNT.address.lower()] = 1
        node.mine()

    scene.clock.then(2, other)
    with pytest.raises(Displaced, match="can never be mined: another one of its account has taken its nonce"):
        sender.send(bound(sender))
    assert scene.outbox.sendings() == []


# ---- refused ------------------------------------------------------------------------------------------


def test_send__nonce_used_between_asking_and_sending__takes_the_next(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    counts = iter(["0x0", "0x1", "0x1"])
    node.used[ACCOUNT.address.lower()] = 1
    node.answers["eth_getTransactionCount"] = lambda *_: next(counts)
    scene.clock.then(0.01, node.mine)
    assert sender.send(bound(sender))["status"] == 1
    assert [nonce for nonce, _ in offered(node)] == [1]
    assert scene.outbox.sendings() == []


def test_send__base_fee_rises_between_asking_and_sending__is_offered_anew() -> None:
    with serving(FakeNode(ANVIL)) as node:
        scene = Scene(node, Clock())
        sender = scene.sender()
        node.answers["eth_estimateGas"] = lambda *_: setattr(node, "base_fee", 9 * GWEI) or "0xc350"
        scene.clock.then(0.01, node.mine)
        assert sender.send(bound(sender))["status"] == 1
        assert offered(node) == [(0, 18 * GWEI + 1)]


def test_send__too_little_money__says_how_much_to_send_where(scene: Scene) -> None:
    sender = scene.sender()
    scene.node.balance = 10**13
    with pytest.raises(NeedsGas, match=rf"needs gas: send 0\.00012 to {ACCOUNT.address}") as refused:
        sender.send(bound(sender))
    assert refused.value.address == ACCOUNT.address
    assert "it holds 0.00001 of the network's gas coin" in (refused.value.hint or "")
    assert scene.outbox.sendings() == []


@pytest.mark.parametrize(
    "message",
    ["transaction gas price below minimum: gas tip cap 1, minimum needed 2", "boom", "invalid sender"],
)
def test_send__refused_otherwise__is_the_nodes_words_and_nothing_is_noted(scene: Scene, message: str) -> None:
    scene.node.answers["eth_sendRawTransaction"] = Refused(message)
    sender = scene.sender()
    with pytest.raises(ChainError, match=f"^the node refused: {message}$"):
        sender.send(bound(sender))
    assert scene.outbox.sendings() == []


def test_send__refused_as_too_dear_by_its_policy__is_not_sent(scene: Scene) -> None:
    sender = scene.sender(FeePolicy(total_cap=10**13))
    with pytest.raises(GasTooDear, match="could cost"):
        sender.send(bound(sender))
    assert scene.node.received == []


def test_send__small_blocks__the_margin_ends_at_the_blocks_limit() -> None:
    with serving(FakeNode(GETH, gas=9_000_000, gas_limit=10_000_000)) as node:
        scene = Scene(node, Clock())
        sender = scene.sender()
        scene.mines_each(1)
        sender.send(bound(sender))
        assert node.received[0]["gas"] == 10_000_000


def test_send__no_base_fee__is_a_legacy_transaction_and_replaced_as_one() -> None:
    with serving(FakeNode(GETH, base_fee=None)) as node:
        scene = Scene(node, Clock())
        sender = scene.sender()
        node.answers["eth_gasPrice"] = hex(GWEI)
        scene.clock.then(1, lambda: node.answers.update(eth_gasPrice=hex(2 * GWEI)))
        scene.clock.then(20, node.mine)
        sender.send(bound(sender))
    assert [each.get("gasPrice") for each in node.received] == [GWEI, 2 * GWEI]


# ---- cut off ------------------------------------------------------------------------------------------


class Cut(BaseException):
    """The process dies here."""


def die() -> None:
    raise Cut


def test_send__every_transaction__is_noted_before_the_node_hears_of_it(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    noted: list[tuple[bytes, int]] = []

    def hear(raw: str) -> str:
        noted.extend((each.hash, each.nonce) for each in scene.outbox.sendings())
        return node.eth_sendRawTransaction(raw)

    node.answers["eth_sendRawTransaction"] = hear
    scene.clock.then(0.01, node.mine)
    receipt = sender.send(bound(sender))
    assert noted == [(bytes(receipt["transactionHash"]), 0)]


def test_errand__cut_off_while_stuck__is_replaced_by_the_next_run_and_done_once(waiting_scene: Scene) -> None:
    scene, node = waiting_scene, waiting_scene.node
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 5 * GWEI))
    scene.clock.then(3, die)
    sender = scene.sender()
    with pytest.raises(Cut), sender.errand(ERRAND):
        sender.send(bound(sender))
    scene.mines_each(1)
    again = scene.sender()
    with again.errand(ERRAND) as earlier:
        assert earlier is not None
    assert offered(node) == [(0, 2 * GWEI + 1), (0, 10 * GWEI + 1)]
    assert node.used[ACCOUNT.address.lower()] == 1
    assert scene.outbox.sendings() == []


def test_errand__replaced_then_cut_off__any_of_both_counts(waiting_scene: Scene) -> None:
    scene, node = waiting_scene, waiting_scene.node
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 5 * GWEI))
    scene.clock.then(17, die)
    sender = scene.sender()
    with pytest.raises(Cut), sender.errand(ERRAND):
        sender.send(bound(sender))
    assert len(scene.outbox.sendings()) == 2
    node.mine()
    again = scene.sender()
    with again.errand(ERRAND) as earlier:
        assert earlier is not None
        assert earlier["transactionHash"].to_0x_hex() in node.mined
    assert len(node.received) == 2


def test_errand__timed_out_and_mined_later__the_next_run_finds_it(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    with pytest.raises(NodeError, match="may be mined"), sender.errand(ERRAND):
        sender.send(bound(sender))
    node.mine()
    with scene.sender().errand(ERRAND) as earlier:
        assert earlier is not None
    assert len(node.received) == 1


def test_send__timed_out_and_sent_again__waits_for_the_one_that_is_there(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    with pytest.raises(NodeError, match="may be mined"):
        sender.send(bound(sender))
    scene.mines_each(1)
    again = scene.sender()
    again.send(bound(again))
    assert len(node.received) == 1
    assert node.used[ACCOUNT.address.lower()] == 1


def test_send__another_call_after_a_time_out__takes_the_next_nonce(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    with pytest.raises(NodeError, match="may be mined"):
        sender.send(bound(sender))
    scene.mines_each(1)
    sender.send(bound(sender, 2))
    assert [nonce for nonce, _ in offered(node)] == [0, 1]
    assert node.used[ACCOUNT.address.lower()] == 2


def test_send__noted_and_never_sent__its_nonce_goes_to_what_is_sent_now(scene: Scene) -> None:
    """Cut off between the note and the sending: nobody has seen it, and another command is given now."""
    node = scene.node
    node.answers["eth_sendRawTransaction"] = lambda _: die()
    sender = scene.sender()
    broadcaster = sender._broadcaster
    broadcaster.broadcast = lambda _: die()  # type: ignore[method-assign]
    with pytest.raises(Cut):
        sender.send(bound(sender))
    del node.answers["eth_sendRawTransaction"]
    scene.mines_each(1)
    again = scene.sender()
    again.send(bound(again, 2))
    assert [nonce for nonce, _ in offered(node)] == [0]
    assert scene.outbox.sendings() == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_read_signed__what_was_signed__is_read_back(kind: Kind) -> None:
    with serving(FakeNode(kind, base_fee=None)) as node:
        scene = Scene(node, Clock())
        scene.mines_each(1)
        sender = scene.sender()
        sender.send(bound(sender, 7))
    (received,) = node.received
    assert (received["to"], received["gasPrice"]) == (TOKEN, 3 * GWEI)
    assert bytes(received["data"]) == DevUsd(Web3(), TOKEN).calldata("approve", ACCOUNT.address, 7)  # type: ignore[arg-type]

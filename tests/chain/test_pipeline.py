"""Many transactions of one account at once: in order, each once; what fails is named and stops no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account
from tests.support.fake_node import GETH, GWEI, FakeNode, Refused, serving
from tests.support.senders import YEAR, Stage
from tests.support.sending import ACCOUNT, Clock, Scene, bound, offered
from web3.contract.contract import ContractFunction

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.payer import Enrolment
from chainbill.chain.node.broadcaster import Broadcaster
from chainbill.chain.node.connection import connect
from chainbill.chain.node.pipeline import Pipeline
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainError, ContractReverted, Displaced, NeedsGas, NodeError, PartlySent
from chainbill.money import DOLLAR


def transfers(chain: Stage, *amounts: int) -> list[ContractFunction]:
    token = chain.w3.eth.contract(chain.token.address, abi=load_artifact("DevUSD").abi)
    return [token.functions.transfer(chain.address("stranger"), amount) for amount in amounts]


# ---- on anvil ------------------------------------------------------------------------------------------


def test_send_many__on_a_chain__receipts_are_in_the_calls_order(chain: Stage) -> None:
    chain.token.mint(chain["governor"], chain.address("patient"), DOLLAR)
    heard: list[int] = []
    receipts = chain["patient"].send_many(transfers(chain, *range(1, 151)), on_mined=heard.append)
    nonces = [chain.w3.eth.get_transaction(each["transactionHash"])["nonce"] for each in receipts]
    assert nonces == list(range(nonces[0], nonces[0] + 150))
    moved = [int.from_bytes(receipt["logs"][0]["data"], "big") for receipt in receipts]
    assert moved == list(range(1, 151))
    assert heard == sorted(set(heard))
    assert heard[-1] == 150


def test_send_many__some_are_refused_beforehand__the_rest_are_sent_and_the_refused_are_named(
    chain: Stage,
) -> None:
    chain.token.mint(chain["governor"], chain.address("patient"), 100)
    with pytest.raises(PartlySent, match="2 of 5 transactions failed; the first, number 2: ") as told:
        chain["patient"].send_many(transfers(chain, 1, 101, 2, 102, 3))
    assert list(told.value.failures) == [1, 3]
    refused = told.value.failures[1]
    assert isinstance(refused, ContractReverted)
    assert (refused.name, refused.fields["needed"]) == ("ERC20InsufficientBalance", 101)
    assert list(told.value.receipts) == [0, 2, 4]
    assert told.value.hint == "give less, or get the account more of the dollar token"
    assert chain.token.balance_of(chain.address("stranger")) == 6


def test_send_many__one_reverts_in_its_block__it_is_explained_and_the_rest_are_done(chain: Stage) -> None:
    chain.token.mint(chain["governor"], chain.address("patient"), 100)
    with pytest.raises(PartlySent) as told:
        chain["patient"].send_many(transfers(chain, 60, 60, 40), gas=100_000)
    assert list(told.value.failures) == [1]
    assert isinstance(told.value.failures[1], ContractReverted)
    assert chain.token.balance_of(chain.address("stranger")) == 100


def test_send_many__calls_that_need_one_another__go_through_with_their_gas_given(chain: Stage) -> None:
    """An approval and what uses it: estimated beforehand, the second would be refused."""
    abi = load_artifact("DevUSD").abi
    token = chain.w3.eth.contract(chain.token.address, abi=abi)
    escrow = chain.w3.eth.contract(chain.escrow.address, abi=load_artifact("PatientEscrow").abi)
    chain.token.mint(chain["governor"], chain.address("patient"), DOLLAR)
    calls = [token.functions.approve(escrow.address, DOLLAR), escrow.functions.deposit(DOLLAR)]
    chain["patient"].send_many(calls, gas=300_000)
    assert chain.escrow.balance_of(chain.address("patient")) == DOLLAR


def test_enrol_many__some_are_members_already__all_others_are_enrolled(chain: Stage) -> None:
    payer = chain.new_payer()
    members = [Account.create().address for _ in range(30)]
    payer.enrol(chain["insurer"], members[7], YEAR, 1)
    with pytest.raises(PartlySent, match=r"1 of 30 .* number 8: the contract refused: AlreadyEnrolled"):
        payer.enrol_many(chain["insurer"], [Enrolment(each, YEAR, 1) for each in members])
    assert [payer.member_year(each, YEAR).plan_id for each in members] == [1] * 30


def test_send_many__nothing__is_nothing(chain: Stage) -> None:
    assert chain["patient"].send_many([]) == []


def test_send_many__then_send__goes_on_with_the_next_nonce(chain: Stage) -> None:
    chain.token.mint(chain["governor"], chain.address("patient"), DOLLAR)
    chain["patient"].send_many(transfers(chain, 1, 2, 3))
    chain.token.transfer(chain["patient"], chain.address("stranger"), 4)
    assert chain.token.balance_of(chain.address("stranger")) == 10


# ---- on nodes that misbehave ---------------------------------------------------------------------------


@pytest.fixture
def scene() -> Iterator[Scene]:
    with serving(FakeNode(GETH)) as node:
        yield Scene(node, Clock())


def calls_of(sender: Sender, count: int) -> list[ContractFunction]:
    return [bound(sender, amount) for amount in range(1, count + 1)]  # type: ignore[misc]


def test_send_many__blocks_hold_few__no_more_wait_than_the_window(scene: Scene) -> None:
    node, sender = scene.node, scene.sender()
    waiting: list[int] = []

    def mine() -> None:
        waiting.append(len(node.pool))
        node.mine(most=7)

    for number in range(1, 100):
        scene.clock.then(number, mine)
    assert len(sender.send_many(calls_of(sender, 60), window=20)) == 60
    assert max(waiting) == 20
    assert [nonce for nonce, _ in offered(node)] == list(range(60))
    assert scene.outbox.sendings() == []


def test_send_many__many_transactions__are_noted_and_broadcast_in_few_requests(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    scene.mines_each(0.5)
    node.asked.clear()
    sender.send_many(calls_of(sender, 200))
    assert node.asked.count("batch") < 20
    singles = len(node.asked) - 200 * 3  # an estimate, a sending and a receipt each, in batches
    assert singles < 120


def test_send_many__base_fee_rises_above_them__all_are_replaced_in_order(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    scene.clock.then(0.01, lambda: setattr(node, "base_fee", 5 * GWEI))
    scene.mines_each(2)
    assert len(sender.send_many(calls_of(sender, 10))) == 10
    assert [nonce for nonce, _ in offered(node)] == [*range(10), *range(10)]
    assert node.used[ACCOUNT.address.lower()] == 10


def test_send_many__node_forgets_its_pool__the_same_bytes_are_sent_again(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    scene.clock.then(0.01, node.forget_pool)
    scene.mines_each(2)
    sender.send_many(calls_of(sender, 10))
    assert node.received[:10] == node.received[10:]


def test_send_many__money_for_a_few__sends_as_many_at_once_as_it_pays_for(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    node.balance = 400_000 * GWEI  # three times 62,500 gas at 2 gwei and a wei
    waiting: list[int] = []
    for number in range(1, 60):
        scene.clock.then(number, lambda: (waiting.append(len(node.pool)), node.mine()))
    assert len(sender.send_many(calls_of(sender, 10))) == 10
    assert max(waiting) == 3


def test_send_many__money_for_none__says_how_much_to_send_and_nothing_was(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    node.balance = 10
    with pytest.raises(PartlySent, match=rf"10 of 10 .* send 0\.0013 to {ACCOUNT.address}") as told:
        sender.send_many(calls_of(sender, 10))
    assert isinstance(told.value.failures[9], NeedsGas)
    assert node.received == []


def test_send_many__node_refuses_one__those_before_it_are_done_and_the_others_named(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    scene.mines_each(1)

    def choosy(raw: str) -> str:
        if len(node.received) == 4:
            raise Refused("boom")
        return node.eth_sendRawTransaction(raw)

    node.answers["eth_sendRawTransaction"] = choosy
    with pytest.raises(PartlySent, match=r"6 of 10 .* the first, number 5: the node refused: boom") as told:
        sender.send_many(calls_of(sender, 10))
    assert list(told.value.receipts) == [0, 1, 2, 3]
    assert "may be mined" not in str(told.value.failures[4])


def test_send_many__one_displaced__is_named_and_the_rest_are_done(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    address = ACCOUNT.address.lower()

    def another() -> None:
        del node.pool[address, 0]
        node.used[address] = 1

    scene.clock.then(0.01, another)
    scene.mines_each(1)
    with pytest.raises(PartlySent, match="1 of 3") as told:
        sender.send_many(calls_of(sender, 3))
    assert isinstance(told.value.failures[0], Displaced)
    assert list(told.value.receipts) == [1, 2]


def test_send_many__first_is_mined_while_it_is_looked_after__the_next_is_not_taken_for_displaced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that is busy: between the look for receipts and the look at the nonce goes a block."""
    sender, node, renew = scene.sender(), scene.node, Broadcaster.renew

    def slowly(broadcaster: Broadcaster, nonce: int) -> bool:
        node.mine(most=1)
        return renew(broadcaster, nonce)

    monkeypatch.setattr(Broadcaster, "renew", slowly)
    scene.clock.then(25, node.mine)
    assert len(sender.send_many(calls_of(sender, 3))) == 3


def test_send_many__no_block_any_more__says_what_may_be_mined_and_what_was_not_sent(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    scene.clock.then(1, lambda: node.mine(most=3))
    with pytest.raises(PartlySent, match="7 of 10") as told:
        sender.send_many(calls_of(sender, 10), window=5)
    uncertain = [place for place, error in told.value.failures.items() if "may be mined" in str(error)]
    assert list(told.value.receipts) == [0, 1, 2]
    assert uncertain == [3, 4, 5, 6, 7]
    assert len(scene.outbox.sendings()) == 5


def test_send_many__node_unreachable_for_a_while__goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainbill.chain.node.transport._PAUSES", ())
    sender, node = scene.sender(), scene.node
    lost = [Refused("header not found")] * 5

    def count(*parameters: str) -> str:
        if parameters[1] == "latest" and lost and scene.clock.now > 1:
            raise lost.pop()
        return node.eth_getTransactionCount(*parameters)

    node.answers["eth_getTransactionCount"] = count
    scene.mines_each(2)
    assert len(sender.send_many(calls_of(sender, 4))) == 4
    assert lost == []


def test_send_many__over_the_gas_of_one__is_named(scene: Scene) -> None:
    sender, node = scene.sender(), scene.node
    node.gas = 2**24 + 1
    with pytest.raises(PartlySent, match=r"2 of 2 .* would take 16,777,217 gas") as told:
        sender.send_many(calls_of(sender, 2))
    assert all(isinstance(each, ChainError) for each in told.value.failures.values())


def test_connect__headers_of_validators__are_read(scene: Scene) -> None:
    """Their extra data is as long as their signatures; web3 by itself refuses more than 32 bytes."""
    block = connect(scene.node.url).eth.get_block("latest")
    assert len(block["proofOfAuthorityData"]) == 86  # type: ignore[typeddict-item]


# ---- caught up with -------------------------------------------------------------------------------------


def test_catch_up__nothing_waits__is_told_so_at_once(scene: Scene) -> None:
    assert scene.sender().catch_up() is False
    assert scene.clock.now == 0


def test_catch_up__a_run_was_cut_off__its_transactions_are_waited_for_and_struck_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_after_sending(10, scene, monkeypatch)
    assert len(scene.outbox.sendings()) == 10
    scene.mines_each(2)
    assert scene.sender().catch_up() is True
    assert scene.outbox.sendings() == []
    assert scene.node.used[ACCOUNT.address.lower()] == 10
    assert len(scene.node.received) == 10


def test_catch_up__they_offer_too_little_by_now__are_replaced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_after_sending(3, scene, monkeypatch)
    scene.node.base_fee = 5 * GWEI
    scene.mines_each(2)
    assert scene.sender().catch_up() is True
    assert [nonce for nonce, _ in offered(scene.node)] == [0, 1, 2, 0, 1, 2]


def test_catch_up__no_block_any_more__says_that_nothing_was_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_after_sending(3, scene, monkeypatch)
    with pytest.raises(NodeError, match="has sent before is in no block after 120 s: nothing was sent"):
        scene.sender().catch_up()
    assert len(scene.outbox.sendings()) == 3


def cut_off_after_sending(count: int, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends by a signal, while what it has sent waits."""

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "_collect", cut_off)
        with pytest.raises(KeyboardInterrupt):
            scene.sender().send_many(calls_of(scene.sender(), count))

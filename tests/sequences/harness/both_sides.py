"""A verb is done to the contracts and to the ledger at once, and both must allow it or refuse it for the same
reason; a batch must also log exactly what the ledger says became of each of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from eth_hash.auto import keccak
from tests.sequences.model.attesters import Attestation
from tests.sequences.model.claims import Amounts, Claim, address_word, ruling_words, word
from tests.sequences.model.ledger import DENIED, NOBODY, REASONS, Batch, Ending, Ledger, Section
from tests.sequences.model.pricing import Fee, Plan
from tests.sequences.model.timeline import Refused
from tests.sequences.model.wallets import Consent
from tests.support.attesting import words_under
from tests.support.deployment import Protocol
from tests.support.evm import CALL_GAS, Contract, Evm, Log
from tests.support.pyrevm_backend import PyrevmBackend

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import ServiceAttestation, ServiceBundle, SettlementBatch
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, RowsAttestation, encode_sections
from chainbill.errors import ChainError, ContractReverted

ROW_TOPICS = {
    name: keccak(f"{name}(address,bytes32,uint256,uint256,uint256,uint256)".encode())
    for name in ("ClaimSettled", "ClaimDenied", "ClaimPended", "ClaimSkipped")
}
SECONDARY_DETERMINED = keccak(b"SecondaryDetermined(address,bytes32,uint256)")
CLAIM_CORRECTED = keccak(b"ClaimCorrected(bytes32,bytes32)")
UNSETTLED_TOPICS = {topic for name, topic in ROW_TOPICS.items() if name != "ClaimSettled"}
SETTLING_TOPICS = {*ROW_TOPICS.values(), SECONDARY_DETERMINED, CLAIM_CORRECTED}

INTENTS = {
    "requestWithdrawal": "RequestWithdrawal(address patient,uint64 amount,uint64 nonce,uint256 deadline)",
    "cancelWithdrawal": "CancelWithdrawal(address patient,uint64 nonce,uint256 deadline)",
    "withdraw": "Withdraw(address patient,uint64 nonce,uint256 deadline)",
    "acceptPayer": "AcceptPayer(address patient,uint32 payerId,uint32 secondaryPayerId,uint64 nonce,"
    "uint256 deadline)",
    "setLimits": "SetLimits(address patient,uint64 perEventLimit,uint64 perDayLimit,uint64 nonce,"
    "uint256 deadline)",
    "grantConsent": "GrantConsent(address patient,uint32 providerId,uint64 perEventLimit,uint40 expiresAt,"
    "bool selfPay,uint64 nonce,uint256 deadline)",
    "revokeConsent": "RevokeConsent(address patient,uint32 providerId,uint64 nonce,uint256 deadline)",
    "useNonce": "UseNonce(address patient,uint64 nonce,uint256 deadline)",
}
"""What a patient signs instead of calling."""

OBJECTION = "SectionsObjection(uint32 providerId,bytes32 sectionsHash,uint40 announcedAt)"

Flaw = str
"""What is wrong with a signature: "", or "nonce", "key", "late", "field", "mirror"."""

CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


class Disagreement(AssertionError):
    """Contracts and ledger do not agree, or an invariant does not hold; `what` names which."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what


def require(holds: bool, what: str, detail: object = "") -> None:
    """Raise unless something holds."""
    if not holds:
        raise Disagreement(what, str(detail))


class Doing:
    """Verbs of everybody, on one deployment and its ledger."""

    evm: Evm
    backend: PyrevmBackend
    protocol: Protocol
    ledger: Ledger
    keys: dict[str, Signer]
    wallet: str
    """A contract that attests: its key is its owner's."""
    relay: str
    escrow_domain: bytes
    """EIP-712 separators."""
    done: ClassVar[Counter[str]] = Counter()
    """How often each verb was allowed in this process, and rows ended so, by reason."""
    refused: ClassVar[Counter[str]] = Counter()
    """How often each verb was refused, and why."""
    settlement_domain: bytes
    token_domain: bytes

    def act(
        self,
        contract: Contract,
        caller: str,
        function: str,
        arguments: tuple[Any, ...],
        verb: Callable[[], Any],
    ) -> Any:
        """Do a verb to both.

        Returns what the ledger's verb returns, True where that is nothing; None where it was refused.
        """
        outcome, refused, reverted = None, None, None
        try:
            outcome = verb()
        except Refused as refusal:
            refused = refusal.name
        try:
            self.evm.call(caller, contract.address, contract.functions[function].encode(arguments), CALL_GAS)
        except ContractReverted as error:
            reverted = error.name
        except ChainError as error:
            reverted = str(error)
        require(refused == reverted, "outcome", f"{function}: ledger {refused}, contract {reverted}")
        if refused:
            self.refused[f"{function}: {refused}"] += 1
        else:
            self.done[function] += 1
        return None if refused else True if outcome is None else outcome

    def refuses(
        self, contract: Contract, caller: str, function: str, arguments: tuple[Any, ...], names: set[str]
    ) -> None:
        """Both refuse it, the contract with one of these errors; the ledger need not be asked."""
        try:
            self.evm.call(caller, contract.address, contract.functions[function].encode(arguments), CALL_GAS)
        except ContractReverted as error:
            require(error.name in names, "outcome", f"{function}: contract {error.name}, not one of {names}")
        else:
            require(False, "outcome", f"{function}: contract agrees, ledger expects one of {names}")

    def wait(self, seconds: int) -> None:
        """Let time pass. A clock that goes back would make any contract seem to be wrong."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds} s")
        self.evm.now += seconds
        self.ledger.wait_until(self.evm.now)

    # ---- patients -----------------------------------------------------------------------------------

    def approve(self, owner: str, spender: Contract, amount: int) -> None:
        """An allowance of exactly what follows."""
        self.protocol.token.send(owner, "approve", spender.address, amount)
        self.ledger.allowances[owner, spender.address] = amount

    def deposit(self, patient: str, amount: int) -> None:
        """A plain deposit."""
        escrow = self.protocol.escrow
        self.approve(patient, escrow, amount)
        self.act(escrow, patient, "deposit", (amount,), lambda: self.ledger.deposit(patient, amount))

    def patient_verb(
        self,
        patient: str,
        function: str,
        arguments: tuple[Any, ...],
        verb: Callable[[], Any],
        *,
        signed: bool = False,
        flaw: Flaw = "",
    ) -> None:
        """A patient's verb, called or signed; either raises the nonce."""
        wallet, now = self.ledger.wallets[patient], self.ledger.now

        def with_nonce() -> None:
            if flaw:
                raise Refused("SignatureExpired" if flaw == "late" else "InvalidSignature")
            verb()
            wallet.nonce += 1

        escrow = self.protocol.escrow
        if not signed:
            self.act(escrow, patient, function, arguments, with_nonce)
            return
        deadline = now - 1 if flaw == "late" else now + (wallet.nonce % 3) * 600
        words = [int(patient, 16), *map(int, arguments), wallet.nonce - (flaw == "nonce"), deadline]
        if flaw == "field":
            words[-1] += 1
        struct = keccak(INTENTS[function].encode()) + b"".join(word(value % 2**256) for value in words)
        signature = self.sign(patient, self.escrow_domain, keccak(struct), flaw)
        self.act(
            escrow, self.relay, f"{function}BySig", (patient, *arguments, deadline, signature), with_nonce
        )

    def sign(self, signer: str, domain: bytes, struct_hash: bytes, flaw: Flaw = "") -> bytes:
        """A signature over a struct in a domain."""
        key = self.keys[self.relay if flaw == "key" else signer]
        signature = key.sign(keccak(b"\x19\x01" + domain + struct_hash))
        return mirrored(signature) if flaw == "mirror" else signature

    def grant(self, patient: str, provider: int, consent: Consent, **how: Any) -> None:
        """Grant a consent."""
        verb = lambda: self.ledger.grant(patient, provider, consent)  # noqa: E731
        self.patient_verb(patient, "grantConsent", (provider, *consent), verb, **how)

    def block(self, account: str, refused: bool) -> None:
        """Let the token refuse an account, or let it go again."""
        p, blocked = self.protocol, self.ledger.blocked
        self.act(p.token, p.governor, "setBlocked", (account, refused), lambda: None)
        (blocked.add if refused else blocked.discard)(account)

    # ---- insurers -----------------------------------------------------------------------------------

    def insurer_verb(
        self, payer: int, caller: str, function: str, arguments: tuple[Any, ...], verb: Callable[[], Any]
    ) -> None:
        """A verb for the payer's owner alone."""

        def owned() -> None:
            self.ledger.owned(payer, caller)
            verb()

        self.act(self.protocol.payer_contracts[payer], caller, function, arguments, owned)

    def fund_payer(self, payer: int, amount: int) -> None:
        """Deposit into a pool."""
        contract, owner = self.protocol.payer_contracts[payer], self.ledger.owners[payer]
        self.approve(owner, contract, amount)
        self.act(contract, owner, "deposit", (amount,), lambda: self.ledger.fund(payer, owner, amount))

    def publish_plan(self, payer: int, caller: str, plan_id: int, plan: Plan, at: int) -> None:
        """Publish a plan's next version."""
        categories = [
            (True, one.deductible_applies, one.copay_first, one.after_copay, one.bps, one.copay)
            for one in plan.categories.values()
        ]
        yearly = (
            plan.deductible,
            plan.oop_max,
            plan.family_deductible,
            plan.family_oop_max,
            plan.annual_maximum,
        )
        terms = *yearly, plan.unit, int(plan.carve_out), at
        ledger = self.ledger
        self.insurer_verb(
            *(payer, caller, "publishPlan", (plan_id, terms, list(plan.categories), categories)),
            lambda: ledger.insurers[payer].publish_plan(plan_id, plan, at, ledger.now),
        )

    def publish_fee(self, payer: int, caller: str, service: bytes, fee: Fee, at: int) -> None:
        """Publish a service's next fee."""
        words = fee.amount, fee.category, fee.max_units, fee.annual_units, at, 0
        ledger = self.ledger
        self.insurer_verb(
            *(payer, caller, "publishFees", ([service], [words])),
            lambda: ledger.insurers[payer].publish_fee(service, fee, at, ledger.now),
        )

    def accept_provider(self, payer: int, caller: str, provider: int) -> None:
        """Pay a provider's events."""
        ledger = self.ledger
        self.insurer_verb(
            *(payer, caller, "acceptProvider", (provider,)),
            lambda: ledger.insurers[payer].accept(provider, ledger.now),
        )

    def enrol(
        self,
        payer: int,
        member: str,
        year: int,
        plan: int,
        family: int,
        opening: tuple[int, int, int] = (0, 0, 0),
        caller: str = "",
    ) -> None:
        """Open a member's year."""
        ledger = self.ledger
        self.insurer_verb(
            *(payer, caller or ledger.owners[payer], "enrol", (member, year, plan, family, *opening)),
            lambda: ledger.insurers[payer].enrol(
                member, year, plan, family, opening, ledger.now, ledger.year
            ),
        )

    # ---- providers and governor ---------------------------------------------------------------------

    def publish_cash(self, provider: int, caller: str, service: bytes, amount: int) -> None:
        """Publish a cash price."""
        self.act(
            *(self.protocol.registry, caller, "publishCashPrices", (provider, [service], [amount])),
            lambda: self.ledger.publish_cash(provider, caller, service, amount),
        )

    def attester_verb(self, function: str, provider: int, caller: str, *attesters: str) -> None:
        """Add, revoke or rotate attesters."""
        verbs = {
            "addAttester": self.ledger.add_attester,
            "revokeAttester": self.ledger.revoke_attester,
            "rotateAttester": self.ledger.rotate_attester,
        }
        self.act(
            *(self.protocol.registry, caller, function, (provider, *attesters)),
            lambda: verbs[function](provider, caller, *attesters),
        )

    def deposit_bond(self, provider: int, caller: str, amount: int) -> None:
        """Add to a bond."""
        self.approve(caller, self.protocol.settlement, amount)
        self.extension_call(
            "depositBond", caller, (provider, amount), self.ledger.deposit_bond, provider, caller, amount
        )

    def extension_call(
        self, function: str, caller: str, arguments: tuple[Any, ...], verb: Callable[..., Any], *to_verb: Any
    ) -> Any:
        """A verb of ClaimSettlement."""
        return self.act(self.protocol.settlement, caller, function, arguments, lambda: verb(*to_verb))

    # ---- settling -----------------------------------------------------------------------------------

    def signed_batch(self, batch: Batch, sections: bytes | None = None) -> Batch:
        """The batch with its digest."""
        packed = self.pack(batch) if sections is None else sections
        unsigned = SettlementBatch(batch.epoch, batch.signed_at, batch.deadline, batch.operator, packed)
        digest = keccak(b"\x19\x01" + self.settlement_domain + unsigned.struct_hash())
        return Batch(batch.epoch, batch.signed_at, batch.deadline, batch.operator, batch.sections, digest)

    def settle(self, batch: Batch, signers: Sequence[str], slot: int) -> list[Ending] | None:
        """Settle a batch; its logs must be the ledger's."""
        batch = self.signed_batch(batch)
        signatures = self.protocol.members_of(batch.epoch)
        signatures += b"".join(self.keys[signer].sign(batch.digest) for signer in signers)
        header = batch.epoch, batch.signed_at, batch.deadline, batch.operator
        endings: list[Ending] | None = self.extension_call(
            *("settle", self.relay, (header, self.pack(batch), signatures, slot)),
            *(self.ledger.settle, batch, signers, slot),
        )
        self._check_logged(endings)
        return endings

    def _check_logged(self, endings: list[Ending] | None) -> None:
        """The logs of the last call are those of these endings."""
        if endings is not None:
            self.done.update(ending.reason for ending in endings)
            logged = [
                (list(log.topics), data)
                for log in self.backend.logs()
                if log.topics[0] in SETTLING_TOPICS or _is_plain(log)
                for data in rows_apart(log)
            ]
            expected = [log for ending in endings for log in ending_logs(ending)]
            if logged != expected:
                pairs = list(zip(expected, logged, strict=False))
                differing = next((pair for pair in pairs if pair[0] != pair[1]), "their number")
                require(False, "rows as logged", differing)

    # ---- without the quorum -------------------------------------------------------------------------

    def announce(self, provider: int, caller: str, sections: bytes) -> tuple[bytes, int]:
        """Announce packed sections; returns what is noted of it."""
        self.extension_call(
            *("announceSections", caller, (provider, sections)),
            *(self.ledger.announce, provider, caller, keccak(sections)),
        )
        return keccak(sections), self.ledger.now

    def object(self, provider: int, announced: tuple[bytes, int], signers: Sequence[str]) -> None:
        """Submit an objection that these sign."""
        digest = self._objection_digest(provider, announced)
        signatures = self.protocol.members_of(len(self.ledger.epochs))
        signatures += b"".join(self.keys[signer].sign(digest) for signer in signers)
        self.extension_call(
            *("objectToSections", self.relay, (provider, *announced, signatures)),
            *(self.ledger.object, provider, announced, signers),
        )

    def settle_unanswered(
        self, provider: int, caller: str, announced: tuple[bytes, int], sections: Sequence[Section], slot: int
    ) -> list[Ending] | None:
        """Settle announced sections; the logs must be the ledger's."""
        now = self.ledger.now
        batch = Batch(0, now, now, NOBODY, tuple(sections), self._objection_digest(provider, announced))
        packed = self.pack(batch)
        endings: list[Ending] | None = self.extension_call(
            *("settleUnanswered", caller, (provider, announced[1], packed, slot)),
            *(self.ledger.settle_unanswered, provider, caller, (keccak(packed), announced[1]), batch, slot),
        )
        self._check_logged(endings)
        return endings

    def _objection_digest(self, provider: int, announced: tuple[bytes, int]) -> bytes:
        struct = keccak(OBJECTION.encode()) + word(provider) + announced[0] + word(announced[1])
        return keccak(b"\x19\x01" + self.settlement_domain + keccak(struct))

    def pack(self, batch: Batch) -> bytes:
        """A batch's sections as they are signed, each under its attestations."""
        return encode_sections([self._attested(section) for section in batch.sections])

    def _attested(self, section: Section) -> BatchSection:
        rows = batch_section(section)
        words = words_under(rows, [one.patients for one in section.attestations])
        attestations = [
            self._attestation(one, said) for one, (_, said) in zip(section.attestations, words, strict=True)
        ]
        return replace(rows, attestations=tuple(attestations))

    def _attestation(self, one: Attestation, words: ServiceAttestation | ServiceBundle) -> RowsAttestation:
        """Signed by the attester, or by its owner where it is a wallet."""
        domain = self.escrow_domain if one.flaw == "domain" else self.settlement_domain
        if one.flaw == "payer":
            words = replace(words, payer_id=words.payer_id ^ 3)
        elif one.flaw == "sequence":
            field = "sequence" if isinstance(words, ServiceAttestation) else "sequence_base"
            words = replace(words, **{field: getattr(words, field) ^ 1})
        signature = self.sign(one.attester, domain, words.struct_hash())
        contract = bytes.fromhex(one.attester[2:]) if one.attester == self.wallet else b""
        return RowsAttestation(one.patients, signature, contract)

    # ---- rulings ------------------------------------------------------------------------------------

    def resolve(self, claim: Claim, caller: str, ruling: Amounts, stands: bool = False) -> Any:
        """Rule on a claim's dispute."""
        arguments = claim.words(), (*ruling_words(ruling), stands)
        verb = self.ledger.resolve
        return self.extension_call("resolve", caller, arguments, verb, claim, caller, ruling, stands)


def mirrored(signature: bytes) -> bytes:
    """The other signature that the same key could have made: with high s."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + word(s) + bytes((55 - signature[64],))


def batch_section(section: Section) -> BatchSection:
    """A section as it is packed, under no attestation yet."""
    header, corrects = section.header, section.corrects or (b"",) * len(section.events)
    rows = tuple(
        BatchRow(
            *(bytes.fromhex(event.patient[2:]), event.commitment, event.service, event.units, event.billed),
            *(event.year, event.sequence, event.second_service, corrected),
        )
        for event, corrected in zip(section.events, corrects, strict=True)
    )
    return BatchSection(
        *(header.provider, header.payer, header.plan, header.version, rows),
        *(header.second, header.second_plan, header.second_version, bool(section.corrects)),
    )


def ending_logs(ending: Ending) -> list[tuple[list[bytes], bytes]]:
    """What must be logged of one row: topics and data."""
    event, claim = ending.event, ending.claim
    patient = address_word(event.patient)
    if claim is None:
        name = "ClaimDenied" if ending.reason in DENIED else "ClaimPended"
        name = "ClaimSkipped" if ending.reason == "SEQUENCE_SPENT" else name
        numbers = event.parties(REASONS.index(ending.reason)), event.billed << 192, 0, event.service_word()
        return [([ROW_TOPICS[name], patient], event.commitment + b"".join(map(word, numbers)))]
    commitment, *words = claim.log()
    if ending.plain:
        parties, amounts, shares, service = words
        short = shares >> 192 << 192 | service >> 96 << 32 | service >> 24 & 255
        return [([patient], commitment + b"".join(map(word, (parties, amounts, short))))]
    logs = [([ROW_TOPICS["ClaimSettled"], patient], commitment + b"".join(map(word, words)))]
    if claim.secondary_word():
        logs.append(([SECONDARY_DETERMINED, patient], commitment + word(claim.secondary_word())))
    if ending.corrects:
        logs.append(([CLAIM_CORRECTED, ending.corrects], commitment))
    return logs


def _is_plain(log: Log) -> bool:
    """Is it the anonymous one, whose only topic is an address?"""
    return len(log.topics) == 1 and log.topics[0].startswith(bytes(12))


def rows_apart(log: Log) -> list[bytes]:
    """The data of a log, row by row as if each had a log of its own: others of the same patient stand behind
    the first, which alone says the parties."""
    others: list[bytes] = []
    if _is_plain(log):
        first, rest = log.data[:128], log.data[128:]
        for row in (rest[at : at + 96] for at in range(0, len(rest), 96)):
            others.append(row[:32] + first[32:64] + row[32:])
    elif log.topics[0] in UNSETTLED_TOPICS:
        first, rest = log.data[:160], log.data[160:]
        for row in (rest[at : at + 64] for at in range(0, len(rest), 64)):
            service = int.from_bytes(row[32:], "big")
            billed = service >> 32 & (1 << 64) - 1
            numbers = billed << 192, 0, service - (billed << 32)
            others.append(row[:32] + first[32:64] + b"".join(map(word, numbers)))
    else:
        first = log.data
    return [first, *others]


def failed_payers(logs: Sequence[Log]) -> list[int]:
    """Payers whose tokens could not move."""
    topic = keccak(b"PayerFailed(uint32,bytes)")
    return [int.from_bytes(log.topics[1], "big") for log in logs if log.topics[0] == topic]

"""Bugs to plant into the contracts, one at a time, and the hunt for them: does the machine notice?

`scripts/planted_bugs.py` compiles them and writes `docs/planted-bugs.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.sequences.harness.invariants import World
from tests.sequences.harness.machine import Machine

STEPS = 60


@dataclass(frozen=True)
class Planted:
    """One bug: in `file`, each text becomes its replacement."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]

    def apply(self, source: str) -> str:
        """The source with the bug in it.

        Raises:
            ValueError: a text to be replaced does not stand there exactly once.
        """
        for before, after in self.changes:
            if source.count(before) != 1:
                raise ValueError(f"{self.name}: stands {source.count(before)} times in {self.file}: {before}")
            source = source.replace(before, after)
        return source

    def apply_in(self, root: Path) -> str:
        """The source in a checkout with the bug in it."""
        return self.apply((root / self.file).read_text(encoding="utf-8"))


def planted(name: str, file: str, *changes: tuple[str, str]) -> Planted:
    return Planted(name, f"contracts/{file}", changes)


PLANTED = (
    planted(
        "the replay check is dropped",
        "settlement/SequenceBitmap.sol",
        ("                        if and(word, sequence) { skip(bits_, left) }\n", ""),
    ),
    planted(
        "the second patient of a section is not debited",
        "PatientEscrow.sol",
        (
            "        uint256 total;\n",
            "        (uint256 total, uint256 second) = (0, groups == 0 ? 0 : groups - 1);\n",
        ),
        ("if amount {", "if and(gt(amount, 0), iszero(eq(groups, second))) {"),
    ),
    planted(
        "a reversal forgets what the plan had paid",
        "InsurerPayer.sol",
        ("MemberSlot.planPaid(slot) - posting.benefit", "MemberSlot.planPaid(slot)"),
    ),
    planted(
        "a reversal forgets the family's out-of-pocket amount",
        "InsurerPayer.sol",
        ("FamilySlot.oopMet(family) - posting.outOfPocket", "FamilySlot.oopMet(family)"),
    ),
    planted(
        "a bucket matures a day early",
        "settlement/CreditAccount.sol",
        ("return _today() >= day + DAYS;", "return _today() + 1 >= day + DAYS;"),
    ),
    planted(
        "a bond is used twice: advances are not counted against it",
        "settlement/ProviderPayouts.sol",
        ("? 0 : most - credit.advanced;", "? 0 : most;"),
    ),
    planted(
        "the limit for a day is ignored",
        "escrow/Spendable.sol",
        ("        if (amount > dayLeftOf(word)) return Reason.OverDayLimit;\n", ""),
    ),
    planted(
        "the operator's fee is credited twice: to the provider, too",
        "settlement/BatchWriter.sol",
        ("            cursor.credit -= fee;\n", ""),
    ),
    planted(
        "the secondary payer is refunded the primary's part",
        "settlement/ClaimReversals.sol",
        (
            "_refundPayer(payerId, PackedClaim.secondaryPaid(taken.shares) - secondaryMissing);",
            "_refundPayer(payerId, PackedClaim.planPaid(taken.shares) - secondaryMissing);",
        ),
    ),
    planted(
        "a consent that was narrowed still counts as it was",
        "escrow/ConsentSlot.sol",
        ("if (!isChanging(slot) || time < nextAt(slot)) return slot;", "if (time != 1) return slot;"),
    ),
    planted(
        "a consent that was revoked is still remembered",
        "PatientEscrow.sol",
        (
            "        _forgetConsent(patient, providerId);\n        emit ConsentRevoked",
            "        emit ConsentRevoked",
        ),
    ),
    planted(
        "a remembered consent counts for every provider",
        "PatientEscrow.sol",
        ("xor(and(shr(144, slot), 0xffffffffffff), key)", "xor(and(shr(168, slot), 0xffffff), shr(24, key))"),
    ),
    planted(
        "an acceptance that was ended is still remembered",
        "payer/PayerTerms.sol",
        (
            "        _forgetTerms();\n        emit ProviderAcceptanceEnded",
            "        emit ProviderAcceptanceEnded",
        ),
    ),
    planted(
        "a plan is still remembered though its next version is announced",
        "payer/PayerTerms.sol",
        ("        _forgetTerms();\n        emit PlanPublished", "        emit PlanPublished"),
    ),
    planted(
        "terms are remembered for every provider",
        "payer/PoolSlot.sol",
        (
            "uint64(slot >> 64) == (planKey << 32 | providerId)",
            "uint32(slot >> 96) == planKey && providerId != 0",
        ),
    ),
    planted(
        "a quorum stands while settlement is paused",
        "settlement/QuorumAdmin.sol",
        ("        _pause();\n        _stand();\n", "        _pause();\n"),
    ),
    planted(
        "a quorum stands though its epoch was ended",
        "settlement/QuorumAdmin.sol",
        (
            "        ending.endsAt = uint40(block.timestamp);\n        _stand();\n",
            "        ending.endsAt = uint40(block.timestamp);\n",
        ),
    ),
    planted(
        "a root slot is reused a day before its window ends",
        "ClaimSettlement.sol",
        (
            "return block.timestamp < uint40(uint256(_roots[rootSlot])) + DISPUTE_WINDOW;",
            "return block.timestamp + 1 days < uint40(uint256(_roots[rootSlot])) + DISPUTE_WINDOW;",
        ),
    ),
    planted(
        "opening entries may be as large as 64 bits",
        "payer/PayerTerms.sol",
        (" if (opening != 0 && sum > MAX_YEARLY_AMOUNT) revert OpeningTooLarge(opening, met);", ""),
    ),
    planted(
        "a provider's tokens complete the payers' parts, too",
        "settlement/ClaimReversals.sol",
        (
            "        uint256 share = PackedClaim.responsibility(taken.amounts, taken.shares);\n"
            "        if (share <= there) return 0;\n",
            "        uint256 share = PackedClaim.allowed(taken.amounts);\n"
            "        if (share <= there) return 0;\n",
        ),
    ),
    planted(
        "a withdrawal reaches later deposits",
        "token/WithdrawalRequests.sol",
        ("balance > request.depositedSince ? balance - request.depositedSince : 0;", "balance;"),
    ),
    planted(
        "a signature can be used again: the nonce stays",
        "PatientEscrow.sol",
        ("record.next = next + 1;", "record.next = next;"),
    ),
    planted(
        "a reversed claim can be corrected twice",
        "settlement/Coordination.sol",
        ("        found.status = DisputeStatus.Corrected;\n", ""),
    ),
    planted(
        "the primary keeps what it noted of rows that the secondary refuses",
        "payer/SecondaryPricing.sol",
        ("        if (rest.differs) revert RowsDiffer(rest.fails);\n", ""),
    ),
    planted(
        "a member's claim moves the member alone, and not the family",
        "payer/SectionPricing.sol",
        ("sstore(place, add(mload(FAMILY), moved))", "sstore(place, mload(FAMILY))"),
    ),
    planted(
        "a dispute's held credit comes back in full after a partial ruling",
        "settlement/CreditAccount.sol",
        ("uint256 back = amount - lost;", "uint256 back = amount - lost / 2;"),
    ),
    planted(
        "lowered limits take effect without notice",
        "PatientEscrow.sol",
        (
            "            effectiveAt += NOTICE;\n            slot |= PatientSlot.LIMITS_CHANGE;",
            "            slot |= PatientSlot.LIMITS_CHANGE;",
        ),
    ),
    planted(
        "a dispute may be opened after its window",
        "settlement/ClaimDisputes.sol",
        (
            "if (block.timestamp >= endsAt) revert WindowOver",
            "if (block.timestamp > endsAt + 1 days) revert WindowOver",
        ),
    ),
    planted(
        "a provider's signature under a whole section is not looked at",
        "settlement/AttestationCheck.sol",
        (
            "        if (!_countsForAll(header, at, attestation, signedAt)) "
            "refused = WordArray.ones(BatchCodec.rowCount(header));\n",
            "",
        ),
    ),
    planted(
        "a bundle's hash leaves the payer out",
        "settlement/AttestationCheck.sol",
        (
            "BatchCodec.payerId(header), BatchCodec.sequenceBase(header), rowsHash",
            "0, BatchCodec.sequenceBase(header), rowsHash",
        ),
    ),
    planted(
        "anybody's signature counts",
        "settlement/AttestationCheck.sol",
        ("return since != 0 && since <= signedAt;", "return since <= signedAt;"),
    ),
    planted(
        "a key counts that was added after the batch was signed",
        "settlement/AttestationCheck.sol",
        ("return since != 0 && since <= signedAt;", "return since != 0;"),
    ),
    planted(
        "a revoked key still counts where batches settle",
        "settlement/AttesterNotes.sol",
        (
            "_attesterSince[providerId][attester] = stands ? uint40(block.timestamp) : 0;",
            "if (stands) _attesterSince[providerId][attester] = uint40(block.timestamp);",
        ),
    ),
    planted(
        "a bundle that does not count pends the row behind it",
        "settlement/AttestationCheck.sol",
        ("for (; first < here.row; ++first) {", "for (; first <= here.row; ++first) {"),
    ),
    planted(
        "a contract that attests is not heard: any answer is a yes",
        "settlement/AttestationCheck.sol",
        ("            answered := and(answered, eq(mload(0), shl(224, 0x1626ba7e)))\n", ""),
    ),
    planted(
        "the annual plan maximum is forgotten",
        "math/Adjudication.sol",
        ("if (plan.annualMaximum != 0) shares", "if (plan.annualMaximum > 1 << 63) shares"),
    ),
    planted(
        "announced sections settle a day too early",
        "settlement/UnansweredSections.sol",
        ("if (block.timestamp < until) revert", "if (block.timestamp + 1 days < until) revert"),
    ),
    planted(
        "what settles without the quorum need not be what was announced",
        "settlement/UnansweredSections.sol",
        (
            "_announced[providerId] != _announcement(sectionsHash, announcedAt)",
            "uint40(uint256(_announced[providerId])) != announcedAt",
        ),
    ),
    planted(
        "an objection is not counted",
        "settlement/UnansweredSections.sol",
        ("        delete _announced[providerId];\n        return", "        return"),
    ),
    planted(
        "a provider settles another's sections without the quorum",
        "ClaimSettlement.sol",
        ("        _checkProvider(providerId, sections);\n", ""),
    ),
    planted(
        "credit of what settled without the quorum matures as any other",
        "settlement/UnansweredSections.sol",
        ("        account.putOff(CreditAccount.dayOf(settledAt), credited);\n", ""),
    ),
    planted(
        "the root of what settled without the quorum is kept for a week only",
        "ClaimSettlement.sol",
        (
            "bytes32(bytes27(root)) | bytes32(settledAt);",
            "bytes32(bytes27(root)) | bytes32(block.timestamp);",
        ),
    ),
)
"""What is planted, one at a time."""


@dataclass(frozen=True)
class Catch:
    """What noticed a bug, and how soon."""

    sequence: int
    step: int
    rule: str
    what: str


def play(examples: int, **more: Any) -> None:
    """Play random sequences; the first disagreement raises."""
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def hunt(examples: int) -> Catch | None:
    """The first catch in so many sequences, always the same ones; None: everything agrees."""
    World.examples = 0
    World.failures.clear()
    try:
        phases = (Phase.generate,)
        play(examples, phases=phases, derandomize=True, database=None, report_multiple_bugs=False)
    except Exception:
        if not World.failures:
            raise  # not in a sequence: the deployment itself
        return Catch(*World.failures[0])
    return None

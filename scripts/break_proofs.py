"""Break a guard or a sum of the contracts, one at a time, and see whether a symbolic proof fails.

    .venv/bin/python scripts/break_proofs.py [--only WORDS] [--write]

A proof that would pass whatever the contracts do proves nothing, nor does a solver that answers wrongly. Each
break names the proof that must give a counterexample. Exit code 1: one did not. `--write` rewrites the table
in `docs/symbolic.md`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass

from export_artifacts import ROOT
from foundry_view import NoForge, environment, lay_out
from run_symbolic import BUILD, prove

DOCUMENT = ROOT / "docs" / "symbolic.md"
MARKER = "<!-- written by `scripts/break_proofs.py --write` -->"


@dataclass(frozen=True)
class Break:
    """In `file`, `text` becomes `instead`; then `proof`, of the contract in `test`, must fail."""

    name: str
    file: str
    text: str
    instead: str
    test: str
    proof: str


BREAKS = (
    Break(
        "the copay forgets what the deductible took",
        "math/Adjudication.sol",
        "copay := smaller(copay, sub(room, deductible))",
        "copay := smaller(copay, room)",
        "Adjudication",
        "check_split__as_the_terms_say",
    ),
    Break(
        "a family's maximum forgets what the family has met",
        "math/Adjudication.sol",
        "Math.saturatingSub(plan.familyOopMax, met.familyOop)",
        "plan.familyOopMax",
        "Adjudication",
        "check_split__as_the_terms_say_in_a_family",
    ),
    Break(
        "coinsurance forgets the out-of-pocket maximum",
        "math/Adjudication.sol",
        "smaller(sub(rest, smaller(part, rest)), sub(outOfPocket, taken))",
        "sub(rest, smaller(part, rest))",
        "Adjudication",
        "check_split__coinsurance_alone",
    ),
    Break(
        "what is above the annual maximum is dropped",
        "math/Adjudication.sol",
        " + ((planPaid - most) << 128)",
        "",
        "Adjudication",
        "check_split__annual_maximum",
    ),
    Break(
        "an ended dispute returns what was lost, too",
        "settlement/CreditAccount.sol",
        "uint256 back = amount - lost;",
        "uint256 back = amount;",
        "CreditAccount",
        "check_unhold__takes_what_is_lost_of_newest",
    ),
    Break(
        "an advance may exceed the bond",
        "settlement/ProviderPayouts.sol",
        "        if (amount > available) revert AdvanceTooLarge(amount, available);\n",
        "",
        "Extension",
        "check_drawAdvance__sends_what_it_notes",
    ),
    Break(
        "a provider's payout is not subtracted",
        "settlement/ProviderPayouts.sol",
        "amount = _payOut(_providers[providerId]);",
        "_providers[providerId].mature(); amount = _providers[providerId].standing().matured;",
        "Extension",
        "check_withdraw__pays_what_it_subtracts",
    ),
    Break(
        "the secondary payer is refunded the primary's part",
        "settlement/ClaimReversals.sol",
        "_refundPayer(payerId, PackedClaim.secondaryPaid(taken.shares) - secondaryMissing);",
        "_refundPayer(payerId, PackedClaim.planPaid(taken.shares) - secondaryMissing);",
        "Reversal",
        "check_reverseHeld__sends_what_is_lost",
    ),
    Break(
        "a reversal forgets what the plan had paid",
        "InsurerPayer.sol",
        "MemberSlot.planPaid(slot) - posting.benefit",
        "MemberSlot.planPaid(slot)",
        "Payer",
        "check_reverse__takes_back_what_was_posted",
    ),
    Break(
        "an insurer's withdrawal is not subtracted",
        "InsurerPayer.sol",
        "        _setPool(pool() - amount);\n",
        "",
        "Payer",
        "check_withdraw__pays_what_the_pool_falls_by",
    ),
    Break(
        "a withdrawal reaches later deposits",
        "token/WithdrawalRequests.sol",
        "balance > request.depositedSince ? balance - request.depositedSince : 0",
        "balance",
        "Escrow",
        "check_withdraw__pays_what_the_balance_falls_by",
    ),
    Break(
        "a charge is not taken off what may be spent",
        "escrow/Spendable.sol",
        "return word - (amount << 192) - (amount << 128);",
        "return word - (amount << 128);",
        "Escrow",
        "check_spendable__two_charges_stay_within_the_balance",
    ),
    Break(
        "debits can be sent twice",
        "PatientEscrow.sol",
        "        if (amount == 0) return;\n        _debited = 0;\n",
        "        if (amount == 0) return;\n",
        "Charge",
        "check_charge__is_what_the_balance_falls_by",
    ),
    Break(
        "the operator's fee is not taken from the provider",
        "settlement/BatchWriter.sol",
        "            cursor.credit -= fee;\n",
        "",
        "Settle",
        "check_settle__with_coinsurance__whatever_was_met",
    ),
    Break(
        "what patients are charged is not sent",
        "PatientEscrow.sol",
        "        if (total != 0) SafeERC20.safeTransfer(token, settlement, total);\n",
        "",
        "Settle",
        "check_settle__with_coinsurance__whatever_is_there",
    ),
    Break(
        "a payer that pays at once keeps its pool",
        "InsurerPayer.sol",
        "        _pool = PoolSlot.withBalance(slot, pricing.pool);\n",
        "",
        "Settle",
        "check_settle__with_coinsurance__whatever_is_there",
    ),
    Break(
        "anybody's signature counts under a whole section",
        "settlement/AttestationCheck.sol",
        "return since != 0 && since <= signedAt;",
        "return since <= signedAt;",
        "Attestation",
        "check_settle__group__exactly_under_a_standing_attesters_signature",
    ),
    Break(
        "a row's attestation leaves the commitment out",
        "settlement/AttestationCheck.sol",
        "commitment: commitment,",
        "commitment: 0,",
        "Attestation",
        "check_settle__one_row__exactly_under_a_standing_attesters_signature",
    ),
    Break(
        "fewer signatures than the threshold pass",
        "settlement/QuorumCheck.sol",
        "        if (count < threshold) revert QuorumNotReached(count, threshold);\n",
        "",
        "Quorum",
        "check_quorum__two_signatures",
    ),
    Break(
        "a member's signature may stand twice",
        "settlement/QuorumCheck.sol",
        "if (signer <= last) revert",
        "if (signer < last) revert",
        "Quorum",
        "check_quorum__two_signatures",
    ),
)


def fails(broken: Break, env: dict[str, str]) -> bool:
    """Return whether the proof gives a counterexample on the contracts with this break."""
    view = lay_out()
    path = view / "contracts" / broken.file
    source = path.read_text(encoding="utf-8")
    if source.count(broken.text) != 1:
        raise ValueError(f"{broken.name}: stands {source.count(broken.text)} times in {broken.file}")
    path.write_text(source.replace(broken.text, broken.instead), encoding="utf-8")
    # The other tests need not be compiled.
    for test in (view / "tests" / "symbolic").glob("*.t.sol"):
        if test.name != f"{broken.test}.t.sol":
            test.unlink()
    subprocess.run(BUILD, cwd=view, env=env, check=True, stdout=subprocess.DEVNULL)
    result = prove(broken.test, view, env, broken.proof)
    return f"{broken.proof} (counterexample)" in result.failed


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Break the contracts and see whether a proof fails.")
    parser.add_argument("--only", default="", help="breaks whose name contains these words")
    parser.add_argument("--write", action="store_true", help=f"write the table to {DOCUMENT.name}")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs all breaks")
    try:
        env = environment()
    except NoForge as error:
        print(f"symbolic: {error}", file=sys.stderr)
        return 1
    rows = ["| broken | in | proof | ends |", "|---|---|---|---|"]
    unnoticed = 0
    for broken in BREAKS:
        if options.only in broken.name:
            noticed = fails(broken, env)
            unnoticed += not noticed
            end = "counterexample" if noticed else "**no counterexample**"
            rows.append(f"| {broken.name} | `{broken.file}` | `{broken.proof}` | {end} |")
            print(rows[-1], flush=True)
    if options.write:
        introduction = DOCUMENT.read_text(encoding="utf-8").split(MARKER)[0]
        DOCUMENT.write_text(introduction + MARKER + "\n\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())

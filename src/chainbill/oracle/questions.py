"""What intake asks the chain about an attestation, so that it is asked for many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.protocol import Protocol
from chainbill.chain.reads import Question
from chainbill.errors import ChainError


def asked_of(
    protocol: Protocol, attestations: Sequence[ServiceAttestation], signers: Sequence[str | None]
) -> Iterator[list[Question]]:
    """The questions, those first whose answers lead to others. Each list is made once those before it were
    learnt; what intake needs beside, it asks by itself.

    Args:
        signers: who has signed each; None: the signature is none.
    """
    yield [
        question
        for attestation, signer in zip(attestations, signers, strict=True)
        for question in _of_parties(protocol, attestation, signer)
    ]
    members = [
        (payer, each) for each in attestations if (payer := _known_payer(protocol, each.payer_id)) is not None
    ]
    yield [
        question
        for payer, each in members
        for question in (
            Question(payer, "feeAt", (each.service_id, protocol.now())),
            Question(payer, "memberYear", (each.patient, each.benefit_year)),
        )
    ]
    plans = {
        (each.payer_id, payer.plan_at(each.patient, each.benefit_year, protocol.now())): payer
        for payer, each in members
    }
    enrolled = [(payer, plan_id) for (_, plan_id), payer in plans.items() if plan_id]
    yield [Question(payer, "planVersions", (plan_id,)) for payer, plan_id in enrolled]
    yield [
        Question(payer, "planTerms", (plan_id, version))
        for payer, plan_id in enrolled
        if (version := payer.plan_versions(plan_id))
    ]


def _of_parties(
    protocol: Protocol, attestation: ServiceAttestation, signer: str | None
) -> Iterator[Question]:
    provider_id, now = attestation.provider_id, protocol.now()
    if signer is not None:
        yield Question(protocol.registry, "isAttester", (provider_id, signer))
    yield Question(protocol.settlement, "creditOf", (provider_id,))
    yield Question(protocol.escrow, "payersOf", (attestation.patient, now))
    if attestation.payer_id:
        yield Question(protocol.payers, "payerAt", (attestation.payer_id,))
    else:
        price = (provider_id, attestation.service_id, now)
        yield Question(protocol.registry, "cashPriceAt", price)


def _known_payer(protocol: Protocol, payer_id: int) -> InsurerPayer | None:
    if payer_id == 0:
        return None
    try:
        return protocol.payer(payer_id)
    except ChainError:
        return None  # intake says so of the attestation

"""Files that one party seals to another on the same deployment."""

from __future__ import annotations

from chainbill.attestation.file_header import Form, Header
from chainbill.errors import StateError
from chainbill.state.session import Session


def read_header(session: Session, line: bytes, form: Form) -> Header:
    """The first line of a file.

    Raises:
        AttestationError: it is no file of this form.
        StateError: it is of another deployment.
    """
    header, domain = Header.parse(line, form), session.protocol.domain
    if (header.chain_id, header.settlement) != (domain.chain_id, domain.verifying_contract):
        raise StateError(
            f"the file is for chain {header.chain_id} and settlement {header.settlement}, "
            "not for this deployment"
        )
    return header


def header_for(session: Session, form: Form, sealed_to: bytes) -> Header:
    """The header of a file that is sealed to a vault key of 32 bytes."""
    domain = session.protocol.domain
    return Header(form, domain.chain_id, domain.verifying_contract, sealed_to)

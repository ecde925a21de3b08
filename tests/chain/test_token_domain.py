"""What a token's permits are signed for, also where the token is older than ERC-5267."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.senders import Stage

from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts import DevUsd
from chainbill.errors import ChainError, ContractReverted


class OlderToken(DevUsd):
    """One without ``eip712Domain``."""

    separator = b""

    def _call(self, name: str, *arguments: Any, block: int | str = "latest") -> Any:
        if name == "eip712Domain":
            raise ContractReverted("", {})
        return {"DOMAIN_SEPARATOR": self.separator, "name": "USD Coin"}[name]


@pytest.mark.parametrize("version", ["1", "2"])
def test_domain__older_token__is_that_of_its_separator(stage: Stage, version: str) -> None:
    token = OlderToken(stage.w3, stage.deployment.token)
    wanted = Domain(stage.w3.eth.chain_id, token.address, name="USD Coin", version=version)
    token.separator = wanted.separator
    assert token.domain() == wanted


def test_domain__none_that_is_known__is_one_clear_error(stage: Stage) -> None:
    token = OlderToken(stage.w3, stage.deployment.token)
    token.separator = b"\1" * 32
    with pytest.raises(ChainError, match="does not say for what its permits are signed"):
        token.domain()


def test_domain__devusd__is_what_it_says(stage: Stage) -> None:
    domain = stage.token.domain()
    assert (domain.name, domain.version) == ("Dev USD", "1")
    assert domain.verifying_contract == stage.deployment.token

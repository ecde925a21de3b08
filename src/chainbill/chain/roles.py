"""The governor's roles: what each may call, and how long before it must say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

DAY = 86_400


class GovernorRole(IntEnum):
    """A role of ``Governance``; the ``uint64`` on chain (``contracts/Governance.sol``)."""

    ADMIN = 0
    """Changes roles and delays, and mints the test token."""
    REGISTRAR = 1
    """Lets in: providers, payers, oracle epochs; changes the operator's fee; undoes what the guardian did."""
    GUARDIAN = 2
    """Stops: settlement, an epoch, a provider; cancels what a registrar has scheduled."""
    ARBITER = 3
    """Rules on answered disputes."""

    @property
    def label(self) -> str:
        """The role as a lower-case word (``registrar``)."""
        return self.name.lower()

    @property
    def with_article(self) -> str:
        """One of the role (``a registrar``)."""
        return f"{'an' if self.label[0] in 'aeiou' else 'a'} {self.label}"

    @property
    def may(self) -> str:
        """What whoever is in the role does (``rules on disputes``)."""
        return _MAY[self]

    @classmethod
    def labelled(cls, label: str) -> GovernorRole:
        """The role of that ``label``. Raises KeyError: there is none."""
        return cls[label.upper()]


_MAY = {
    GovernorRole.ADMIN: "changes who is in which role, and mints the test token",
    GovernorRole.REGISTRAR: "lets in providers, insurers and oracle nodes, and sets the operator's fee",
    GovernorRole.GUARDIAN: "stops settlement, a provider or a quorum",
    GovernorRole.ARBITER: "rules on disputes, and so moves the money of claims back",
}

PUBLIC_ROLE = 2**64 - 1
"""AccessManager's role of everybody."""


def label_of(role: int) -> str:
    """How any role of ``Governance`` is called: ours by their label, others by their number."""
    if role == PUBLIC_ROLE:
        return "everybody"
    try:
        return GovernorRole(role).label
    except ValueError:
        return f"role {role}"


RESTRICTED: dict[str, dict[str, GovernorRole]] = {
    "DevUSD": {
        "mint": GovernorRole.ADMIN,
    },
    "ProviderRegistry": {
        "register": GovernorRole.REGISTRAR,
    },
    "InsurerPayerFactory": {
        "createPayer": GovernorRole.REGISTRAR,
    },
    "ClaimSettlement": {
        "openEpoch": GovernorRole.REGISTRAR,
        "setOperatorFee": GovernorRole.REGISTRAR,
        "reinstate": GovernorRole.REGISTRAR,
        "unpause": GovernorRole.REGISTRAR,
        "pause": GovernorRole.GUARDIAN,
        "endEpoch": GovernorRole.GUARDIAN,
        "suspend": GovernorRole.GUARDIAN,
        "resolve": GovernorRole.ARBITER,
    },
}
"""Every function that only the governor may call, by contract."""


@dataclass(frozen=True, slots=True)
class GovernanceDelays:
    """How long before it is executed a role's call must be scheduled, in seconds; 0: it need not be.

    What only stops (the guardian) and what is bounded by a dispute (the arbiter) is never delayed.
    """

    admin_seconds: int
    registrar_seconds: int

    @classmethod
    def standard(cls) -> GovernanceDelays:
        """Two days: longer than NOTICE, so that whoever objects can leave first."""
        return cls(admin_seconds=2 * DAY, registrar_seconds=2 * DAY)

    @classmethod
    def none(cls) -> GovernanceDelays:
        """No delay, for devnets."""
        return cls(admin_seconds=0, registrar_seconds=0)

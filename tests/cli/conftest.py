"""What the tests of the roles' commands share."""

from tests.support.far_clinic import elsewhere, far_clinic
from tests.support.towns import bare_town, clinic, module_town, own_settings, town

__all__ = ["bare_town", "clinic", "elsewhere", "far_clinic", "module_town", "own_settings", "town"]

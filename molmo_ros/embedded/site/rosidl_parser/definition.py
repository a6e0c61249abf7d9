"""Type descriptions, as found in ``SLOT_TYPES``."""

from molmo_ros.embedded.typesys.definition import *  # noqa: F403

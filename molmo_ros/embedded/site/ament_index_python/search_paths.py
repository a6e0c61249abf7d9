"""The prefixes below which packages are installed."""

from __future__ import annotations

import os
import sys

from .constants import AMENT_PREFIX_PATH_ENV_VAR


def get_search_paths() -> list[str]:
    """Return the existing folders of ``AMENT_PREFIX_PATH``, without it Python's own prefix.

    Raises:
        EnvironmentError: The variable is set to nothing.
    """
    value = os.environ.get(AMENT_PREFIX_PATH_ENV_VAR)
    if value is None:
        return [sys.prefix]
    if not value:
        raise OSError(f"Environment variable '{AMENT_PREFIX_PATH_ENV_VAR}' is not set or empty")
    return [path for path in value.split(os.pathsep) if path and os.path.exists(path)]

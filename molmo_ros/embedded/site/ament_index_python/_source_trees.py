"""Packages that run from their source folders, without having been installed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

INTERFACES_PATH_ENV_VAR = "MOLMO_ROS_INTERFACES_PATH"
_NAME = re.compile(r"<name>\s*([^<\s]+)\s*</name>")


def source_folder(package_name: str) -> Path | None:
    """Return the folder whose ``package.xml`` bears a name, or nothing."""
    for folder in _candidates(package_name):
        if _package_name(folder) == package_name:
            return folder
    return None


def python_prefix(package_name: str) -> str | None:
    """Return Python's prefix if a package has its marker and share folder there."""
    share = Path(sys.prefix, "share")
    marker = share / "ament_index" / "resource_index" / "packages" / package_name
    return sys.prefix if marker.is_file() else None


def _candidates(package_name: str) -> Iterator[Path]:
    import molmo_ros

    checkout = Path(molmo_ros.__file__).resolve().parents[1]
    yield checkout
    yield checkout / package_name
    for text in os.environ.get(INTERFACES_PATH_ENV_VAR, "").split(os.pathsep):
        if text:
            yield Path(text)


def _package_name(folder: Path) -> str | None:
    try:
        manifest = (folder / "package.xml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = _NAME.search(manifest)
    return match[1] if match else None

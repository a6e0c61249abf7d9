"""Where packages are installed, or run from."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from ._source_trees import python_prefix, source_folder
from .resources import get_resource, get_resources
from .search_paths import get_search_paths

# REP 127 with the exceptions it recommends.
_PACKAGE_NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_-]+", re.ASCII)


class PackageNotFoundError(KeyError):
    """There is no package of a name."""


def get_packages_with_prefixes() -> dict[str, str]:
    """Return the installed packages and their prefixes."""
    return get_resources("packages")


def _locate(package_name: str) -> tuple[str, Path]:
    """Return prefix and share folder: of the installed package, else of its source folder."""
    if _PACKAGE_NAME.fullmatch(package_name) is None:
        raise ValueError(f"'{package_name}' is not a valid package name")
    try:
        prefix = get_resource("packages", package_name)[1]
    except LookupError:
        prefix = python_prefix(package_name) or ""
    if prefix:
        return prefix, Path(prefix, "share", package_name)
    folder = source_folder(package_name)
    if folder is not None:
        return str(folder), folder
    raise PackageNotFoundError(f"package '{package_name}' not found, searching: {get_search_paths()}")


def get_package_prefix(package_name: str) -> str:
    """Return the prefix a package is installed below, or the source folder it runs from.

    Raises:
        PackageNotFoundError: There is no such package.
        ValueError: That is no name of a package.
    """
    return _locate(package_name)[0]


def get_package_share_directory(package_name: str, print_warning: bool = True) -> str:
    """Return the folder with a package's launch files, configuration and the like.

    Args:
        package_name: Name of the package.
        print_warning: Warn if the folder does not exist.

    Returns:
        ``<prefix>/share/<package>``, or the source folder the package runs from.

    Raises:
        PackageNotFoundError: There is no such package.
        ValueError: That is no name of a package.
    """
    path = _locate(package_name)[1]
    if print_warning and not path.exists():
        warnings.warn(f"Share directory for {package_name} ({path}) does not exist.", stacklevel=2)
    return str(path)


def get_package_share_path(package_name: str, print_warning: bool = True) -> Path:
    """Return `get_package_share_directory` as a path."""
    path = _locate(package_name)[1]
    if print_warning and not path.exists():
        warnings.warn(f"Share path for {package_name} ({path}) does not exist.", stacklevel=2)
    return path

"""Files below ``share/ament_index/resource_index/<type>/<name>``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from .constants import RESOURCE_INDEX_SUBFOLDER
from .search_paths import get_search_paths


class InvalidResourceTypeNameError(ValueError):
    """A resource type is no plain file name."""


class InvalidResourceNameError(ValueError):
    """A resource is no plain file name."""


def _require_type(resource_type: str) -> None:
    if not resource_type:
        raise AssertionError("The resource type must not be empty")
    if "/" in resource_type or "\\" in resource_type:
        raise InvalidResourceTypeNameError(f"Resource type '{resource_type}' is invalid")


def _require_name(resource_name: str) -> None:
    if not resource_name:
        raise AssertionError("The resource name must not be empty")
    if "/" in resource_name or "\\" in resource_name:
        raise InvalidResourceNameError(f"Resource name '{resource_name}' is invalid")


def _files(resource_type: str, resource_name: str) -> Iterator[tuple[Path, str]]:
    _require_type(resource_type)
    _require_name(resource_name)
    for prefix in get_search_paths():
        path = Path(prefix, RESOURCE_INDEX_SUBFOLDER, resource_type, resource_name)
        if path.is_file():
            yield path, prefix


def get_resource(resource_type: str, resource_name: str) -> tuple[str, str]:
    """Return the content of a resource and the prefix it lies below.

    Raises:
        LookupError: There is no such resource.
        OSError: It cannot be read, or there is nowhere to search.
        InvalidResourceTypeNameError: The type is no plain name.
        InvalidResourceNameError: The name is no plain name.
    """
    for path, prefix in _files(resource_type, resource_name):
        try:
            return path.read_text(encoding="utf-8"), prefix
        except OSError as error:
            raise OSError(
                f"Could not open the resource '{resource_name}' of type '{resource_type}':\n{error}"
            ) from error
    raise LookupError(f"Could not find the resource '{resource_name}' of type '{resource_type}'")


def has_resource(resource_type: str, resource_name: str) -> str | Literal[False]:
    """Return the prefix a resource lies below, ``False`` if there is none."""
    return next((prefix for _, prefix in _files(resource_type, resource_name)), False)


def get_resources(resource_type: str) -> dict[str, str]:
    """Return the resources of a type, each with the first prefix it lies below."""
    _require_type(resource_type)
    found: dict[str, str] = {}
    for prefix in get_search_paths():
        folder = Path(prefix, RESOURCE_INDEX_SUBFOLDER, resource_type)
        if folder.is_dir():
            for path in folder.iterdir():
                if not path.is_dir() and not path.name.startswith("."):
                    found.setdefault(path.name, prefix)
    return found


def get_resource_types() -> set[str]:
    """Return the types of which there are resources."""
    folders = [Path(prefix, RESOURCE_INDEX_SUBFOLDER) for prefix in get_search_paths()]
    return {
        path.name
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }

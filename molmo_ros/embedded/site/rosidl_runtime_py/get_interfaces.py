"""Which interfaces there are, by package."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from molmo_ros.embedded import typesys
from molmo_ros.embedded.typesys.sources import current_sources, split_name


def get_interface_packages() -> dict[str, str]:
    """Names of the packages that define interfaces, each with an empty prefix: they need no installation."""
    return dict.fromkeys(typesys.list_packages(), "")


def get_interfaces(package_names: Iterable[str] = ()) -> dict[str, list[str]]:
    """Interfaces of the named packages, of all where none is named, such as `msg/String`.

    Raises:
        LookupError: when a package is not known.
    """
    known = typesys.list_packages()
    names = list(package_names)
    for name in names:
        if name not in known and importlib.util.find_spec(name) is None:
            raise LookupError(f"Unknown package '{name}'")
    found = {}
    for package in [name for name in names if name in known] if names else known:
        interfaces = [name.removeprefix(f"{package}/") for name in typesys.list_interfaces(package)]
        if interfaces:
            found[package] = interfaces
    return found


def get_message_interfaces(package_names: Iterable[str] = ()) -> dict[str, list[str]]:
    """Messages of packages, as `get_interfaces`."""
    return _only("msg", package_names)


def get_service_interfaces(package_names: Iterable[str] = ()) -> dict[str, list[str]]:
    """Services of packages, as `get_interfaces`."""
    return _only("srv", package_names)


def get_action_interfaces(package_names: Iterable[str] = ()) -> dict[str, list[str]]:
    """Actions of packages, as `get_interfaces`."""
    return _only("action", package_names)


def get_interface_path(interface_name: str) -> str:
    """The definition file of an interface, where it comes from a file.

    Raises:
        ValueError: when the name is malformed.
        LookupError: when no file defines it.
    """
    parts = interface_name.split("/")
    if len(parts) < 2 or not all(parts) or ".." in parts:
        raise ValueError(f"Invalid name '{interface_name}'. Expected package, kind and name separated by '/'")
    try:
        path = current_sources().path(*split_name(interface_name.rsplit(".", 1)[0]))
    except (ValueError, typesys.TypesysError) as error:
        raise LookupError(str(error)) from error
    if path is None:
        raise LookupError(f"Could not find the interface '{interface_name}'")
    return str(path)


def _only(kind: str, package_names: Iterable[str]) -> dict[str, list[str]]:
    chosen = {
        package: [name for name in names if name.startswith(f"{kind}/")]
        for package, names in get_interfaces(package_names).items()
    }
    return {package: names for package, names in chosen.items() if names}

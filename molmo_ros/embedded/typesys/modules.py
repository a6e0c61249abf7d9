"""Importable modules for interface packages: ``pkg``, ``pkg.msg``, ``pkg.msg._name``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from .classes import module_name
from .registry import default_registry, derived_definitions
from .sources import KINDS, current_sources

_PUBLIC_SUFFIXES = {
    "msg": ("",),
    "srv": ("", "_Event", "_Request", "_Response"),
    "action": (
        "",
        "_GetResult_Event",
        "_GetResult_Request",
        "_GetResult_Response",
        "_SendGoal_Event",
        "_SendGoal_Request",
        "_SendGoal_Response",
    ),
}


class InterfaceLoader(Loader):
    """Makes one module of an interface package; its classes are made when they are asked for."""

    def __init__(self, package: str, kind: str = "", stem: str = "") -> None:
        self._package = package
        self._kind = kind
        self._stem = stem

    def create_module(self, spec: ModuleSpec) -> None:
        """Take the import system's own module object."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its names."""
        if not self._kind:
            module.__doc__ = f"Interfaces of the package {self._package}."
            return
        if self._stem:
            _late_names(module, self._private_names, self._class_of)
        else:
            _late_names(module, self._public_names, self._class_of)

    def _public_names(self) -> list[str]:
        names = current_sources().names(self._package, self._kind)
        return [name + suffix for name in names for suffix in _PUBLIC_SUFFIXES[self._kind]]

    def _private_names(self) -> list[str]:
        root = default_registry().definition(f"{self._package}/{self._kind}/{self._stem}")
        names = [part.fullname.rpartition("/")[2] for part in derived_definitions(root)]
        return [*names, *(f"Metaclass_{name}" for name in names)]

    def _class_of(self, name: str) -> type | None:
        stem = self._stem or name.split("_", maxsplit=1)[0]
        plain = name.removeprefix("Metaclass_") if self._stem else name
        if self._stem and plain not in self._private_names():
            return None
        if current_sources().path(self._package, self._kind, stem) is None and (
            self._kind != "msg" or stem not in current_sources().names(self._package, "msg")
        ):
            return None
        if not self._stem and name.removeprefix(stem) not in _PUBLIC_SUFFIXES[self._kind]:
            return None
        cls = default_registry().interface(f"{self._package}/{self._kind}/{plain}")
        return cls if plain == name else type(cls)


def _late_names(module: ModuleType, names: Callable[[], list[str]], find: Callable[[str], type | None]) -> None:
    """Make a module's classes attributes that come into being at their first use."""

    def get_attribute(name: str) -> Any:
        if name == "__all__":
            return [public for public in names() if not public.startswith("Metaclass_")]
        found = None if name.startswith("__") else find(name)
        if found is None:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        setattr(module, name, found)
        return found

    def list_attributes() -> list[str]:
        return sorted({*vars(module), *names()})

    module.__getattr__ = get_attribute  # type: ignore[method-assign]
    module.__dir__ = list_attributes  # type: ignore[method-assign]


def find_spec(fullname: str) -> ModuleSpec | None:
    """The import spec of an interface module, or None where the name is not one.

    Args:
        fullname: ``pkg``, ``pkg.msg`` (``srv``, ``action``) or ``pkg.msg._private_module``.
    """
    parts = fullname.split(".")
    if len(parts) > 3:
        return None
    sources = current_sources()
    package = parts[0]
    if not sources.has_package(package):
        return None
    if len(parts) == 1:
        spec = ModuleSpec(fullname, InterfaceLoader(package), is_package=True)
        spec.submodule_search_locations = sources.code_folders(package)
        return spec
    kind = parts[1]
    if kind not in KINDS or not sources.has_kind(package, kind):
        return None
    if len(parts) == 2:
        return ModuleSpec(fullname, InterfaceLoader(package, kind), is_package=True)
    for stem in sources.names(package, kind):
        if module_name(stem) == parts[2]:
            return ModuleSpec(fullname, InterfaceLoader(package, kind, stem))
    return None


class SourceTreeFinder:
    """Finds packages whose definitions lie in folders that Python would take for code.

    A folder of definitions on the import path (``molmo_ros_interfaces`` at the root of a checkout)
    looks like a namespace package. This finder goes before the path's own; a package with code, as
    a real ROS 2 installs it, is left alone.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of a package whose definitions are read from a source folder."""
        package = fullname.partition(".")[0]
        if not current_sources().is_source_package(package):
            return None
        found = PathFinder.find_spec(package)
        if found is not None and found.loader is not None:
            return None
        return find_spec(fullname)

"""Where interface definitions come from.

Looked through in this order, interface by interface: ``share/<package>`` folders of the ament
prefixes and of the Python prefix, package folders named in ``MOLMO_ROS_INTERFACES_PATH``, this
project's own ``molmo_ros_interfaces``, the definitions shipped beside this package, and the Jazzy
type store of `rosbags`.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from pathlib import Path

from .errors import DefinitionError, UnknownInterfaceError
from .idl import parse_idl
from .model import InterfaceDef, MessageDef
from .parse import MAX_DEFINITION_CHARS, parse_action, parse_message, parse_service
from .store import STORE_PACKAGES, store_message, store_names
from .text import message_text

KINDS = ("msg", "srv", "action")
INTERFACES_PATH = "MOLMO_ROS_INTERFACES_PATH"

_PARSERS = {"msg": parse_message, "srv": parse_service, "action": parse_action}
_PACKAGE = re.compile(r"(?!.*__)[a-z][a-z0-9_]{0,254}(?<!_)")
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,254}")
_EMBEDDED = Path(__file__).resolve().parent.parent
_OWN_PACKAGE = "molmo_ros_interfaces"
_OWN = _EMBEDDED.parent.parent / _OWN_PACKAGE
_SHIPPED = _EMBEDDED / "interfaces"


class Sources:
    """The definitions that one setting of the environment gives access to."""

    def __init__(self, prefixes: tuple[str, ...], folders: tuple[str, ...]) -> None:
        self._prefixes = prefixes
        self._named: dict[str, list[Path]] = {}
        for text in folders:
            folder = Path(text)
            self._named.setdefault(_package_name(folder), []).append(folder)
        self._roots: dict[str, tuple[Path, ...]] = {}
        self._parsed: dict[str, InterfaceDef] = {}

    def roots(self, package: str) -> tuple[Path, ...]:
        """The folders that hold ``msg``, ``srv`` or ``action`` folders of a package."""
        known = self._roots.get(package)
        if known is None:
            candidates = [Path(prefix, "share", package) for prefix in self._prefixes]
            candidates += self._named.get(package, [])
            if package == _OWN_PACKAGE:
                candidates.append(_OWN)
                candidates += [Path(prefix, "share", "molmo_ros", package) for prefix in self._prefixes]
            candidates.append(_SHIPPED / package)
            known = tuple(root for root in candidates if any((root / kind).is_dir() for kind in KINDS))
            self._roots[package] = known
        return known

    def is_source_package(self, package: str) -> bool:
        """Whether a package's definitions are read from a source folder."""
        return package == _OWN_PACKAGE or package in self._named

    def code_folders(self, package: str) -> list[str]:
        """Folders with Python modules that a named package folder brings beside its interfaces."""
        folders = self._named.get(package, [])
        candidates = [inner / package for folder in folders for inner in (folder, folder / "src")]
        return [str(path) for path in candidates if path.is_dir()]

    def has_package(self, package: str) -> bool:
        """Whether any source has interfaces of this package."""
        if _PACKAGE.fullmatch(package) is None:
            return False
        return package in STORE_PACKAGES or bool(self.roots(package))

    def has_kind(self, package: str, kind: str) -> bool:
        """Whether a package has messages (``msg``), services (``srv``) or actions (``action``)."""
        if kind not in KINDS or not self.has_package(package):
            return False
        if kind == "msg" and package in STORE_PACKAGES:
            return True
        return any((root / kind).is_dir() for root in self.roots(package))

    def packages(self) -> list[str]:
        """Every package with interfaces, sorted."""
        found = {*STORE_PACKAGES, *self._named, _OWN_PACKAGE}
        found.update(entry.name for entry in _SHIPPED.iterdir() if entry.is_dir())
        for prefix in self._prefixes:
            share = Path(prefix, "share")
            if share.is_dir():
                found.update(entry.name for entry in share.iterdir())
        return sorted(package for package in found if self.has_package(package))

    def names(self, package: str, kind: str) -> list[str]:
        """The names of a package's interfaces of one kind, sorted."""
        if not self.has_kind(package, kind):
            return []
        found = {
            path.stem
            for root in self.roots(package)
            for ending in (kind, "idl")
            for path in (root / kind).glob(f"*.{ending}")
            if _NAME.fullmatch(path.stem)
        }
        if kind == "msg" and package in STORE_PACKAGES:
            found.update(store_names(package))
        return sorted(found)

    def path(self, package: str, kind: str, name: str) -> Path | None:
        """The file that defines an interface; None where no file does."""
        if kind not in KINDS or _NAME.fullmatch(name) is None or not self.has_package(package):
            return None
        for root in self.roots(package):
            for ending in (kind, "idl"):
                path = root / kind / f"{name}.{ending}"
                if path.is_file():
                    return path
        return None

    def definition(self, fullname: str) -> InterfaceDef:
        """The parsed definition of ``pkg/msg/Name``, ``pkg/srv/Name`` or ``pkg/action/Name``.

        Raises:
            UnknownInterfaceError: No source has it.
            DefinitionError: Its file is malformed.
        """
        known = self._parsed.get(fullname)
        if known is None:
            known = self._load(fullname)
            self._parsed[fullname] = known
        return known

    def text(self, fullname: str) -> str:
        """The definition of an interface as text, as `definition` would find it."""
        package, kind, name = split_name(fullname)
        path = self.path(package, kind, name)
        if path is not None:
            return _read(path)
        definition = self.definition(fullname)
        if not isinstance(definition, MessageDef):
            raise UnknownInterfaceError(f"No source has the text of {fullname!r}.")
        return message_text(definition)

    def _load(self, fullname: str) -> InterfaceDef:
        package, kind, name = split_name(fullname)
        path = self.path(package, kind, name)
        if path is not None:
            parse = parse_idl if path.suffix == ".idl" else _PARSERS[kind]
            return parse(fullname, _read(path))
        message = store_message(fullname) if kind == "msg" else None
        if message is None:
            raise UnknownInterfaceError(
                f"No interface is named {fullname!r}; name its package folder in {INTERFACES_PATH}."
            )
        return message


def split_name(fullname: str) -> tuple[str, str, str]:
    """Split ``pkg/kind/Name``; ``pkg/Name`` means a message.

    Raises:
        UnknownInterfaceError: The text has another shape.
    """
    parts = fullname.split("/")
    if len(parts) == 2:
        parts.insert(1, "msg")
    if len(parts) != 3 or not all(parts) or parts[1] not in KINDS:
        raise UnknownInterfaceError(f"{fullname!r} does not have the form package/msg/Name.")
    return parts[0], parts[1], parts[2]


def current_sources() -> Sources:
    """The sources for the present environment variables."""
    ament = os.environ.get("AMENT_PREFIX_PATH", "")
    named = os.environ.get(INTERFACES_PATH, "")
    return _sources(ament, named)


@lru_cache(maxsize=8)
def _sources(ament: str, named: str) -> Sources:
    prefixes = [prefix for prefix in ament.split(os.pathsep) if prefix]
    prefixes.append(sys.prefix)
    return Sources(tuple(prefixes), tuple(folder for folder in named.split(":") if folder))


def _package_name(folder: Path) -> str:
    manifest = folder / "package.xml"
    if manifest.is_file():
        match = re.search(r"<name>\s*([a-z][a-z0-9_]{0,254})\s*</name>", _read(manifest))
        if match is not None:
            return match[1]
    return folder.resolve().name


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_DEFINITION_CHARS:
        raise DefinitionError(f"{path} is larger than a definition may be.")
    return path.read_text(encoding="utf-8", errors="replace")

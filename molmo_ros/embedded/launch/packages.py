"""Finds packages, their share folders and their executables, with or without an installed ROS 2."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

from molmo_ros.embedded.launch.plan import EntryPoint

OPTIONAL_TOOLS = frozenset({"rviz2", "rqt_gui", "rqt_graph", "rqt_console", "plotjuggler", "foxglove_bridge"})
_OWN = "molmo_ros"
_PYTHON_SHEBANG = re.compile(rb"#!.*\bpython[0-9.]*\b")


class PackageNotFoundError(LookupError):
    """No package or executable of that name is installed; the message is one sentence."""


def _checkout() -> Path | None:
    """The source tree this package runs from, where it is not installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "package.xml").is_file() else None


def prefixes() -> list[Path]:
    """Installation prefixes in the order they are searched: AMENT_PREFIX_PATH, then this interpreter's."""
    named = [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    return list(dict.fromkeys([*named, Path(sys.prefix)]))


def find_prefix(package: str) -> Path:
    """The installation prefix of a package.

    Raises:
        PackageNotFoundError: when no prefix holds it.
    """
    for prefix in prefixes():
        marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
        if marker.is_file() or (prefix / "share" / package / "package.xml").is_file():
            return prefix
    root = _checkout()
    if root is not None and package == _OWN:
        return root
    looked = ", ".join(str(prefix) for prefix in prefixes())
    raise PackageNotFoundError(f"package '{package}' is not installed (looked in {looked})")


def find_share(package: str) -> Path:
    """The share folder of a package: launch files, configuration, robot descriptions.

    Raises:
        PackageNotFoundError: when the package is not installed.
    """
    root = _checkout()
    for prefix in prefixes():
        share = prefix / "share" / package
        if share.is_dir():
            return share
    if root is not None and package == _OWN:
        return root
    if root is not None and (root / package / "package.xml").is_file():
        return root / package
    try:
        from ament_index_python.packages import get_package_share_directory

        return Path(get_package_share_directory(package))
    except (ImportError, LookupError):
        return find_prefix(package) / "share" / package


def find_executable(package: str, executable: str) -> str | EntryPoint:
    """The program behind `pkg` and `exec`.

    A Python console script of this interpreter becomes an entry point, so that it can run where rclpy has to be
    provided first; anything else is a path.

    Raises:
        PackageNotFoundError: when there is no such executable.
    """
    for prefix in prefixes():
        path = prefix / "lib" / package / executable
        if path.is_file() and os.access(path, os.X_OK):
            return _entry_point(package, executable) or _program(path)
    entry = _entry_point(package, executable)
    if entry is not None:
        return entry
    if _is_stock(package, executable):
        return EntryPoint(module=f"molmo_ros.embedded.executables.{executable}", function="main")
    on_path = shutil.which(executable) if package in OPTIONAL_TOOLS else None
    if on_path is not None:
        return on_path
    raise PackageNotFoundError(f"package '{package}' has no executable '{executable}'")


def package_executables(package: str) -> list[str]:
    """Names of the executables of a package, sorted."""
    names = {entry.name for entry in _scripts(package)}
    for prefix in prefixes():
        folder = prefix / "lib" / package
        if folder.is_dir():
            names |= {path.name for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK)}
    names |= {executable for owner, executable in _STOCK if owner == package}
    return sorted(names)


def launch_files(package: str) -> list[str]:
    """Names of the launch files of a package, sorted; none where it is not installed."""
    try:
        share = find_share(package)
    except PackageNotFoundError:
        return []
    return sorted({path.name for path in (share / "launch").rglob("*.launch.xml")})


def launch_file(package: str, name: str) -> Path:
    """The launch file of that name anywhere in a package's share folder.

    Raises:
        PackageNotFoundError: when it is missing or there are several.
    """
    share = find_share(package)
    folders = [share / "launch"] if share == _checkout() else [share]
    found = sorted(path for folder in folders for path in folder.rglob(name) if path.is_file())
    if not found:
        raise PackageNotFoundError(f"package '{package}' has no launch file '{name}' (looked below {folders[0]})")
    if len(found) > 1:
        raise PackageNotFoundError(f"package '{package}' has several files '{name}': {', '.join(map(str, found))}")
    return found[0]


_STOCK = (
    ("robot_state_publisher", "robot_state_publisher"),
    ("tf2_ros", "static_transform_publisher"),
    ("demo_nodes_py", "talker"),
    ("demo_nodes_py", "listener"),
)


def _is_stock(package: str, executable: str) -> bool:
    if (package, executable) not in _STOCK or importlib.util.find_spec("molmo_ros.embedded.executables") is None:
        return False
    return importlib.util.find_spec(f"molmo_ros.embedded.executables.{executable}") is not None


def _scripts(package: str) -> list[importlib.metadata.EntryPoint]:
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return []
    return [entry for entry in distribution.entry_points if entry.group == "console_scripts"]


def _entry_point(package: str, executable: str) -> EntryPoint | None:
    for entry in _scripts(package):
        if entry.name == executable:
            return EntryPoint(module=entry.module, function=entry.attr)
    return None


def _program(path: Path) -> str | EntryPoint:
    """A path, or, for a Python script, an entry point so that it runs with this interpreter and its rclpy."""
    with path.open("rb") as file:
        first = file.readline(256)
    return EntryPoint(script=str(path)) if _PYTHON_SHEBANG.match(first) else str(path)

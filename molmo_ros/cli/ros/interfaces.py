"""Interface definitions by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from molmo_ros.cli.ros.node import refuse

_FIELD = re.compile(r"\s*([A-Za-z][A-Za-z0-9_/]*)(<=\d+)?(\[[^\]]*\])?\s+[A-Za-z]\w*\s*(?P<rest>.*)$")
_PRIMITIVES = frozenset({"bool", "byte", "char", "float32", "float64", "string", "wstring"}) | frozenset(
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
)


def all_interfaces(package: str | None = None) -> list[str]:
    """Full names of all interfaces, or of one package's.

    Raises:
        MolmoRosError: when the package is not known.
    """
    from molmo_ros.embedded import install

    install()
    from rosidl_runtime_py import get_interfaces

    try:
        found = get_interfaces([package] if package is not None else [])
    except LookupError as error:
        raise refuse(f"package '{package}' is not known") from error
    return [f"{owner}/{name}" for owner, names in found.items() for name in names]


def definition(name: str) -> str:
    """The text of an interface's definition.

    Raises:
        MolmoRosError: when there is none of that name.
    """
    from molmo_ros.embedded import install

    install()
    from rosidl_runtime_py import get_interface_path

    if len(name.split("/")) != 3:
        raise refuse(f"'{name}' is not an interface; write it as package/msg/Name")
    try:
        return Path(get_interface_path(name)).read_text(encoding="utf-8")
    except (LookupError, ValueError, OSError):
        pass
    from molmo_ros.embedded import typesys

    try:
        return typesys.definition_text(name)
    except typesys.TypesysError as error:
        raise refuse(f"interface '{name}' is not known") from error


def definition_lines(name: str, *, comments: bool, nested_comments: bool, depth: int = 0) -> Iterator[str]:
    """Lines of a definition, each nested type's below its field and one tab further in."""
    package = name.split("/", maxsplit=1)[0]
    for raw in definition(name).splitlines():
        line = raw.rstrip()
        code, hash_sign, _ = _split_comment(line)
        if not comments:
            if not code.strip():
                continue
            line = code.rstrip() if hash_sign else line
        yield "\t" * depth + line if line else ""
        nested = _nested_type(code, package)
        if nested is not None:
            yield from definition_lines(
                nested, comments=nested_comments, nested_comments=nested_comments, depth=depth + 1
            )


def _split_comment(line: str) -> tuple[str, str, str]:
    """Code, `#` and comment; a `#` inside quotes is code."""
    quote = ""
    for index, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#":
            return line[:index], "#", line[index + 1 :]
    return line, "", ""


def _nested_type(code: str, package: str) -> str | None:
    match = _FIELD.match(code)
    if match is None or match[1] in _PRIMITIVES or match["rest"].startswith("="):
        return None
    parts = match[1].split("/")
    if len(parts) == 1:
        return f"{_standard_owner(parts[0], package)}/msg/{parts[0]}"
    return f"{parts[0]}/msg/{parts[-1]}"


def _standard_owner(name: str, package: str) -> str:
    return "std_msgs" if name == "Header" else package

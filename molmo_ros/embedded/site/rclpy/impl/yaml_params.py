"""Parameter files and values, read with rcl's rules (order kept, later entries win)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PARAMETERS_KEY = "ros__parameters"
MAX_DEPTH = 32


def parse_value(text: str) -> Any:
    """A parameter's value from the command line.

    Raises:
        ValueError: It is not YAML, or not a kind of value a parameter can have.
    """
    import yaml

    try:
        return _checked(yaml.safe_load(text)) if text else ""
    except yaml.YAMLError as error:
        raise ValueError(f"'{text}' is not a YAML value: {error}") from error


def _checked(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        if kinds <= {int, float} and float in kinds:
            return [float(item) for item in value]
        if len(kinds) <= 1 and kinds <= {bool, int, float, str}:
            return value
        raise ValueError("a sequence must be of one type")
    return str(value)


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameter names joined by dots."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flatten(value, f"{name}.")
        elif value is not None:
            yield name, _checked(value)


def read_file(path: str) -> list[tuple[str, dict[str, Any]]]:
    """The ``(node pattern, parameters)`` entries of a file, in order, repeated keys included.

    Raises:
        ValueError: The file is missing or does not have the form of a parameter file.
    """
    import yaml

    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"Error opening or parsing YAML file {path}: {error}") from error
    if root is None:
        return []
    entries: list[tuple[str, dict[str, Any]]] = []
    _walk(root, "", entries, path, 0)
    return entries


def _walk(node: Any, pattern: str, entries: list[Any], path: str, depth: int) -> None:
    import yaml

    if not isinstance(node, yaml.MappingNode) or depth > MAX_DEPTH:
        raise ValueError(f"Cannot have a value before {PARAMETERS_KEY} in {path}")
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key == PARAMETERS_KEY:
            if not pattern:
                raise ValueError(f"{path} has {PARAMETERS_KEY} without a node name above it")
            loader = yaml.SafeLoader("")
            try:
                values = loader.construct_document(value_node)
            finally:
                loader.dispose()
            if not isinstance(values, dict):
                raise ValueError(f"{PARAMETERS_KEY} in {path} must be a mapping")
            entries.append((pattern, dict(flatten(values))))
        else:
            _walk(value_node, f"{pattern}/{key.strip('/')}", entries, path, depth + 1)


def matches(pattern: str, full_name: str) -> bool:
    """Whether a node pattern (``*`` for one name, ``**`` for any number) means this node."""
    absolute = pattern if pattern.startswith("/") else f"/{pattern}"
    expression = "".join(
        r"(/\w+)*" if chunk == "**" else r"/\w+" if chunk == "*" else "/" + re.escape(chunk)
        for chunk in absolute[1:].split("/")
    )
    return re.fullmatch(expression, full_name) is not None

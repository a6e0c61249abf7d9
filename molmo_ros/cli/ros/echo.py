"""`topic echo`: prints the messages of a topic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from molmo_ros.cli.ros.messages import as_yaml
from molmo_ros.cli.ros.node import refuse


@dataclass(frozen=True, kw_only=True)
class EchoStyle:
    """How messages are printed."""

    csv: bool = False
    field: str | None = None
    truncate_length: int | None = 128
    no_arr: bool = False
    no_str: bool = False
    flow_style: bool = False
    filter_expression: str | None = None
    message_info: bool = False


def make_printer(style: EchoStyle) -> Callable[[Any, Any], bool]:
    """A function of message and info that prints; it returns whether the message passed the filter.

    Raises:
        MolmoRosError: when the field is empty.
    """
    path = [part for part in (style.field or "").split(".") if part]
    if style.field is not None and not path:
        raise refuse(f"'{style.field}' is not a field of a message")

    def show(message: Any, info: Any) -> bool:
        for part in path:
            try:
                message = getattr(message, part)
            except AttributeError as error:
                raise refuse(f"the message has no field '{style.field}'") from error
        if style.filter_expression is not None and not holds(style.filter_expression, message):
            return False
        typer.echo(_text(style, message, info), nl=False)
        return True

    return show


def holds(expression: str, message: Any) -> bool:
    """Whether an expression over the message `m` is true.

    Raises:
        MolmoRosError: when it cannot be evaluated.
    """
    from molmo_ros.embedded.launch.expressions import ExpressionError, evaluate

    try:
        return bool(evaluate(expression, {"m": message}))
    except ExpressionError as error:
        raise refuse(f"--filter: {error}") from error


def _text(style: EchoStyle, message: Any, info: Any) -> str:
    if not hasattr(message, "get_fields_and_field_types"):
        plain = message.tolist() if hasattr(message, "tolist") else message
        prefix = f"---Got new message, message info:---\n{info}\n---Message data:---\n" if style.message_info else ""
        return f"{prefix}{_cut(plain, style.truncate_length)}\n---\n"
    options = {"truncate_length": style.truncate_length, "no_arr": style.no_arr, "no_str": style.no_str}
    if style.csv:
        from rosidl_runtime_py import message_to_csv

        prefix = ",".join(str(value) for value in info.values()) + "," if style.message_info else ""
        return f"{prefix}{message_to_csv(message, **options)}\n"
    prefix = ""
    if style.message_info:
        import yaml

        prefix = yaml.safe_dump(dict(info)) + "---\n"
    return f"{prefix}{as_yaml(message, flow_style=style.flow_style, **options)}---\n"


def _cut(value: Any, length: int | None) -> Any:
    if length is None or not isinstance(value, list | tuple | str | bytes) or len(value) <= length:
        return value
    if isinstance(value, str):
        return f"{value[:length]}..."
    return value[:length] + b"..." if isinstance(value, bytes) else [*value[:length], "..."]

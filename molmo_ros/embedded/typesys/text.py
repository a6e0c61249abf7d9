"""Definitions written back as ``.msg`` text."""

from __future__ import annotations

from .model import Constant, Field, FieldType, MessageDef
from .parse import MSG_TO_IDL

_IDL_TO_MSG = {idl: msg for msg, idl in MSG_TO_IDL.items() if msg != "char"}


def message_text(definition: MessageDef) -> str:
    """A message definition in ``.msg`` form."""
    package = definition.fullname.partition("/")[0]
    lines = [_constant_line(constant) for constant in definition.constants]
    lines += [_field_line(package, field) for field in definition.fields]
    return "".join(f"{line}\n" for line in lines)


def type_text(field_type: FieldType, package: str = "") -> str:
    """A field type in ``.msg`` form; messages of `package` are named without it."""
    if field_type.is_nested:
        owner, _, name = field_type.base.split("/")
        text = name if owner == package else f"{owner}/{name}"
    else:
        text = _IDL_TO_MSG[field_type.base]
    if field_type.string_bound:
        text += f"<={field_type.string_bound}"
    if field_type.shape == "array":
        return f"{text}[{field_type.size}]"
    if field_type.shape == "sequence":
        return f"{text}[<={field_type.size}]" if field_type.size else f"{text}[]"
    return text


def _constant_line(constant: Constant) -> str:
    value = constant.value
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return f"{_IDL_TO_MSG[constant.base]} {constant.name}={text}"


def _field_line(package: str, field: Field) -> str:
    line = f"{type_text(field.type, package)} {field.name}"
    if field.default is None:
        return line
    if isinstance(field.default, str):
        return f'{line} "{field.default}"'
    return f"{line} {field.default}"

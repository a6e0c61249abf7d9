"""Reads ``.msg``, ``.srv`` and ``.action`` text.

The grammar is that of rosidl's adapter (rosidl_adapter/parser.py, branch jazzy): one field or
constant a line, ``#`` starts a comment wherever it stands, ``---`` on a line of its own parts the
sections of a service or an action.
"""

from __future__ import annotations

import re

from .errors import DefinitionError
from .model import (
    ActionDef,
    Constant,
    Field,
    FieldType,
    MessageDef,
    ServiceDef,
    Value,
    make_action,
    make_service,
)

MSG_TO_IDL = {
    "bool": "boolean",
    "byte": "octet",
    "char": "uint8",
    "int8": "int8",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "int64": "int64",
    "uint64": "uint64",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "wstring": "wstring",
}
"""Type names of ``.msg`` files and the IDL types that they stand for."""

MAX_DEFINITION_CHARS = 1_000_000
MAX_BOUND = 2**32 - 1

_TYPE = re.compile(
    r"(?P<base>[A-Za-z][A-Za-z0-9_]{0,254}(?:/[A-Za-z][A-Za-z0-9_]{0,254}){0,2})"
    r"(?:<=(?P<string>[0-9]{1,10}))?"
    r"(?P<brackets>\[(?P<upper><=)?(?P<size>[0-9]{0,10})\])?"
)
_FIELD_NAME = re.compile(r"(?!.*__)[a-z][a-z0-9_]{0,254}(?<!_)")
_CONSTANT_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,254}(?<!_)")
_QUOTED = re.compile(r""" *(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_INTEGER = re.compile(r"([a-z]+?)(8|16|32|64)")


def parse_message(fullname: str, text: str) -> MessageDef:
    """Parse the text of a message.

    Args:
        fullname: ``pkg/msg/Name`` (or ``pkg/srv/Name_Request`` and the like).
        text: The definition.

    Raises:
        DefinitionError: A line is not a field, a constant or a comment.
    """
    if len(text) > MAX_DEFINITION_CHARS:
        raise DefinitionError(f"The definition of {fullname} is longer than a definition may be.")
    package = fullname.partition("/")[0]
    fields: dict[str, Field] = {}
    constants: dict[str, Constant] = {}
    for raw_line in text.splitlines():
        line = raw_line.replace("\t", " ").partition("#")[0].strip()
        if not line:
            continue
        try:
            type_text, _, rest = line.partition(" ")
            field_type = _parse_type(package, type_text)
            name, equals, value_text = rest.partition("=")
            if equals:
                constant = _parse_constant(field_type, name.strip(), value_text.strip())
                _add(constants, constant.name, constant)
            else:
                field = _parse_field(field_type, rest.strip())
                _add(fields, field.name, field)
        except ValueError as error:
            raise DefinitionError(f"{fullname}: cannot read the line {line!r}: {error}") from error
    return MessageDef(fullname=fullname, fields=tuple(fields.values()), constants=tuple(constants.values()))


def parse_service(fullname: str, text: str) -> ServiceDef:
    """Parse the text of a service.

    Raises:
        DefinitionError: There is not exactly one ``---`` line, or a section is malformed.
    """
    request, response = _sections(fullname, text, 2)
    return make_service(
        fullname,
        parse_message(f"{fullname}_Request", request),
        parse_message(f"{fullname}_Response", response),
    )


def parse_action(fullname: str, text: str) -> ActionDef:
    """Parse the text of an action.

    Raises:
        DefinitionError: There are not exactly two ``---`` lines, or a section is malformed.
    """
    goal, result, feedback = _sections(fullname, text, 3)
    return make_action(
        fullname,
        parse_message(f"{fullname}_Goal", goal),
        parse_message(f"{fullname}_Result", result),
        parse_message(f"{fullname}_Feedback", feedback),
    )


def _sections(fullname: str, text: str, count: int) -> list[str]:
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.rstrip() == "---":
            sections.append([])
        else:
            sections[-1].append(line)
    if len(sections) != count:
        raise DefinitionError(
            f"{fullname} needs {count - 1} lines of '---' between its sections, it has {len(sections) - 1}."
        )
    return ["\n".join(lines) for lines in sections]


def _add(table: dict[str, Field] | dict[str, Constant], name: str, item: object) -> None:
    if name in table:
        raise ValueError(f"the name {name!r} is used twice")
    table[name] = item  # type: ignore[assignment]


def _parse_type(package: str, text: str) -> FieldType:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a type")
    base = match["base"]
    idl = MSG_TO_IDL.get(base)
    string_bound = _bound(match["string"], "string") if match["string"] else 0
    if string_bound and idl not in ("string", "wstring"):
        raise ValueError("only strings take a bound")
    if idl is None:
        parts = base.split("/")
        if len(parts) == 1:
            idl = f"{package}/msg/{base}"
        elif len(parts) == 2:
            idl = f"{parts[0]}/msg/{parts[1]}"
        else:
            idl = base
    if match["brackets"] is None:
        return FieldType(base=idl, string_bound=string_bound)
    if not match["size"]:
        if match["upper"]:
            raise ValueError("a bounded sequence needs a size")
        return FieldType(base=idl, string_bound=string_bound, shape="sequence")
    shape = "sequence" if match["upper"] else "array"
    size = _bound(match["size"], "array")
    return FieldType(base=idl, string_bound=string_bound, shape=shape, size=size)


def _bound(text: str, what: str) -> int:
    bound = int(text)
    if not 0 < bound <= MAX_BOUND:
        raise ValueError(f"the size of a {what} must be in 1..{MAX_BOUND}")
    return bound


def _parse_field(field_type: FieldType, rest: str) -> Field:
    name, _, default_text = rest.partition(" ")
    if _FIELD_NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a field name")
    default_text = default_text.strip()
    if not default_text:
        return Field(name=name, type=field_type)
    if field_type.is_nested:
        raise ValueError("a message field takes no default")
    if field_type.shape == "scalar":
        default: Value = _parse_scalar(field_type, default_text)
    else:
        default = _parse_list(field_type, default_text)
    return Field(name=name, type=field_type, default=default)


def _parse_constant(field_type: FieldType, name: str, text: str) -> Constant:
    if field_type.is_nested or field_type.shape != "scalar" or field_type.string_bound:
        raise ValueError("a constant must have a primitive type")
    if _CONSTANT_NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a constant name")
    return Constant(name=name, base=field_type.base, value=_parse_scalar(field_type, text))


def _parse_scalar(field_type: FieldType, text: str) -> bool | int | float | str:
    base = field_type.base
    if base == "boolean":
        return _parse_bool(text)
    if base in ("float", "double"):
        return float(text)
    if base in ("string", "wstring"):
        return _parse_string(field_type, text)
    try:
        value = int(text)
    except ValueError:
        value = int(text, 0)
    low, high = integer_range(base)
    if not low <= value <= high:
        raise ValueError(f"{value} is not in {low}..{high}")
    return value


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "1"):
        return True
    if lowered in ("false", "0"):
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def integer_range(base: str) -> tuple[int, int]:
    """Smallest and largest value of an integer type (``octet`` counts as ``uint8``)."""
    match = _INTEGER.fullmatch("uint8" if base == "octet" else base)
    if match is None:
        raise ValueError(f"{base!r} is not an integer type")
    bits = int(match[2])
    if match[1] == "uint":
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _parse_string(field_type: FieldType, text: str) -> str:
    for quote in "\"'":
        if len(text) >= 2 and text[0] == quote and text[-1] == quote:
            text = text[1:-1]
            if re.search(rf"(?<!\\){quote}", text):
                raise ValueError("inner quotes must be escaped")
            text = text.replace(f"\\{quote}", quote)
            break
    if field_type.string_bound and len(text) > field_type.string_bound:
        raise ValueError(f"the string is longer than {field_type.string_bound}")
    return text


def _parse_list(field_type: FieldType, text: str) -> Value:
    if text[0] != "[" or text[-1] != "]":
        raise ValueError("an array default stands in brackets")
    inner = text[1:-1].strip()
    items = _split_strings(inner) if field_type.is_string else inner.split(",")
    if not inner:
        items = []
    if field_type.shape == "array" and len(items) != field_type.size:
        raise ValueError(f"the default must have {field_type.size} elements")
    if field_type.size and len(items) > field_type.size:
        raise ValueError(f"the default must have at most {field_type.size} elements")
    return [_parse_scalar(field_type, item.strip()) for item in items]  # type: ignore[return-value]


def _split_strings(text: str) -> list[str]:
    items: list[str] = []
    start = 0
    while start < len(text):
        match = _QUOTED.match(text, start)
        end = text.find(",", match.end() if match else start)
        end = len(text) if end < 0 else end
        item = text[start:end].strip()
        if (match[0].strip() != item) if match else ("'" in item or '"' in item):
            raise ValueError("a string of the array is badly quoted")
        items.append(item)
        start = end + 1
    return items

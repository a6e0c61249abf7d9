"""What the generated packers and unpackers share: alignment, code lines, runs of fixed-size values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .model import BASIC_SIZES, STRUCT_CODES, FieldType, MessageDef

Resolve = Callable[[str], Any]
"""Maps a full message name to (definition, class)."""


class Layout:
    """What is known about the position while code is generated: ``pos % modulus == rest``."""

    def __init__(self, modulus: int = 1) -> None:
        self.modulus = modulus
        self.rest = 0

    def advance(self, size: int) -> None:
        self.rest = (self.rest + size) % self.modulus

    def forget(self) -> None:
        self.modulus, self.rest = 1, 0

    def aligned(self, alignment: int) -> int | None:
        """Padding needed for `alignment`, or None where only the running program can tell."""
        if alignment > self.modulus:
            return None
        return -self.rest % alignment

    def set_aligned(self, alignment: int) -> None:
        self.modulus, self.rest = alignment, 0


class Generator:
    """Shared by the packer and the unpacker: code lines, constants, runs of fixed-size values."""

    def __init__(self, resolve: Resolve, order: str) -> None:
        self.resolve = resolve
        self.order = order
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.layout = Layout()
        self.indent = 1
        self.counter = 0
        self.run_codes: list[str] = []
        self.run_items: list[str] = []
        self.run_size = 0

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def fresh(self, prefix: str = "v") -> str:
        self.counter += 1
        return f"{prefix}{self.counter}"

    def bind(self, prefix: str, value: Any) -> str:
        name = self.fresh(prefix)
        self.names[name] = value
        return name

    def flush(self) -> None:
        raise NotImplementedError

    def pad(self, alignment: int) -> None:
        raise NotImplementedError

    def fixed(self, code: str, size: int, item: str) -> None:
        """Add one fixed-size value to the present run."""
        padding = self.layout.aligned(size)
        if padding is None:
            self.flush()
            self.pad(size)
        elif padding:
            self.run_codes.append(f"{padding}x")
            self.run_size += padding
            self.layout.advance(padding)
        self.run_codes.append(code)
        self.run_items.append(item)
        self.run_size += size
        self.layout.advance(size)

    def align(self, alignment: int) -> None:
        """Align the position itself, everything before it being written or read."""
        padding = self.layout.aligned(alignment)
        if padding is None:
            self.flush()
            self.pad(alignment)
            return
        if padding:
            self.run_codes.append(f"{padding}x")
            self.run_size += padding
            self.layout.advance(padding)
        self.flush()

    def compile(self, name: str, head: str, filename: str) -> Callable[..., Any]:
        source = "\n".join([head, *self.lines])
        code = compile(source, filename, "exec")
        namespace = dict(self.names)
        exec(code, namespace)
        return namespace[name]


def uniform_layout(definition: MessageDef, resolve: Resolve) -> tuple[list[str], list[str], int, int] | None:
    """Struct codes, attribute paths, alignment and size of a message of scalars.

    None where the message holds anything else, or where copies of it, laid end to end from an
    aligned start, would not all look the same.
    """
    codes: list[str] = []
    paths: list[str] = []
    sizes: list[int] = []

    def walk(message: MessageDef, prefix: str) -> bool:
        if not message.fields:
            return False
        for field in message.fields:
            field_type = field.type
            if field_type.shape != "scalar" or field_type.is_string:
                return False
            path = f"{prefix}_{field.name}"
            if field_type.is_nested:
                if not walk(resolve(field_type.base)[0], f"{path}."):
                    return False
                continue
            codes.append(STRUCT_CODES[field_type.base])
            paths.append(path)
            sizes.append(BASIC_SIZES[field_type.base])
        return True

    if not walk(definition, "") or len(set(sizes)) != 1:
        return None
    return codes, paths, sizes[0], sum(sizes)


def least_size(field_type: FieldType, resolve: Resolve) -> int:
    """The fewest bytes that a field of this type can take, padding left out."""
    if field_type.shape == "sequence":
        return 4
    count = field_type.size if field_type.shape == "array" else 1
    return count * least_element_size(field_type, resolve)


def least_element_size(field_type: FieldType, resolve: Resolve) -> int:
    """The fewest bytes that one element of this type can take."""
    if field_type.is_string:
        return 4
    if not field_type.is_nested:
        return BASIC_SIZES[field_type.base]
    definition = resolve(field_type.base)[0]
    return max(1, sum(least_size(field.type, resolve) for field in definition.fields))


def dtype_code(base: str) -> str:
    """The numpy dtype of a basic type, byte order left out."""
    code = STRUCT_CODES[base]
    kind = "f" if base in ("float", "double") else ("u" if code.isupper() else "i")
    return f"{kind}{BASIC_SIZES[base]}"

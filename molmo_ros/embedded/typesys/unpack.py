"""Unpackers, compiled once per message type.

An unpacker reads neighbouring fixed-size fields, also across nested messages, with one `struct` call
and builds the messages at the end.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from typing import Any

from .generator import Generator, Layout, Resolve, dtype_code, least_element_size, uniform_layout
from .model import ARRAY_CODES, BASIC_SIZES, NUMPY_NAMES, STRUCT_CODES, FieldType, MessageDef
from .values import NATIVE_ORDER, check_count, decode_string, decode_wstring, unpack_array, unpack_sequence


class _Unpacker(Generator):
    def __init__(self, resolve: Resolve, order: str) -> None:
        super().__init__(resolve, order)
        self.swap = order != NATIVE_ORDER
        self.build: list[str] = []

    def flush(self) -> None:
        if not self.run_codes:
            return
        unpacker = struct.Struct(self.order + "".join(self.run_codes))
        name = self.bind("S", unpacker.unpack_from)
        if self.run_items:
            self.emit(f"{', '.join(self.run_items)}, = {name}(data, pos)")
        self.emit(f"pos += {self.run_size}")
        self.run_codes, self.run_items, self.run_size = [], [], 0

    def pad(self, alignment: int) -> None:
        self.emit(f"pos += -pos & {alignment - 1}")
        self.layout.set_aligned(alignment)

    def message(self, definition: MessageDef) -> str:
        """Emit code that reads a message; returns the local that holds it once built."""
        target = self.fresh("m")
        if not definition.fields:
            self.fixed("B", 1, self.fresh())
        values = [(field.name, self.field(field.type)) for field in definition.fields]
        cls = self.bind("C", self.resolve(definition.fullname)[1])
        self.build.append(f"{target} = new({cls})")
        self.build.append(f"{target}._check_fields = CHECK")
        self.build.extend(f"{target}._{name} = {value}" for name, value in values)
        return target

    def field(self, field_type: FieldType) -> str:
        if field_type.shape == "scalar":
            return self.scalar(field_type)
        if field_type.shape == "array":
            return self.array(field_type)
        return self.sequence(field_type)

    def scalar(self, field_type: FieldType) -> str:
        if field_type.is_nested:
            return self.message(self.resolve(field_type.base)[0])
        if field_type.is_string:
            length, name = self.fresh("n"), self.fresh()
            self.fixed("I", 4, length)
            self.flush()
            bound = field_type.string_bound
            if field_type.base == "string":
                self.emit(f"{name} = decode_string(data, pos, {length}, {bound})")
                self.emit(f"pos += {length}")
                self.layout.forget()
            else:
                arguments = f"data, pos, {length}, {bound}, {self.order!r}"
                self.emit(f"{name} = decode_wstring({arguments})")
                self.emit(f"pos += {length} * 4")
                self.layout.set_aligned(4)
            return name
        name = self.fresh()
        self.fixed(STRUCT_CODES[field_type.base], BASIC_SIZES[field_type.base], name)
        return name

    def array(self, field_type: FieldType) -> str:
        base, count = field_type.base, field_type.size
        if base in NUMPY_NAMES:
            name, size = self.fresh(), BASIC_SIZES[base]
            self.align(size)
            dtype = f"{self.order}{dtype_code(base)}"
            self.emit(f"{name} = unpack_array(data, pos, {dtype!r}, {count})")
            self.emit(f"pos += {count * size}")
            self.layout.advance(count * size)
            return name
        self.flush()
        self.emit(f"check_count({count}, end - pos, {least_element_size(field_type, self.resolve)}, 0)")
        return self.elements(field_type, str(count))

    def sequence(self, field_type: FieldType) -> str:
        base, bound = field_type.base, field_type.size
        count = self.fresh("n")
        self.fixed("I", 4, count)
        self.flush()
        least = least_element_size(field_type, self.resolve)
        self.emit(f"check_count({count}, end - pos, {least}, {bound})")
        if base not in ARRAY_CODES:
            return self.elements(field_type, count)
        name, size = self.fresh(), BASIC_SIZES[base]
        layout = self.layout.modulus, self.layout.rest
        self.emit(f"if {count}:")
        self.indent += 1
        if size > 4:
            self.align(size)
            self.emit(f"check_count({count}, end - pos, {size}, 0)")
        arguments = f"data, pos, {count}, {ARRAY_CODES[base]!r}, {self.swap and size > 1}"
        self.emit(f"{name} = unpack_sequence({arguments})")
        self.emit(f"pos += {count} * {size}")
        self.indent -= 1
        self.emit("else:")
        self.emit(f"    {name} = array({ARRAY_CODES[base]!r})")
        self.layout.modulus, self.layout.rest = layout
        self.layout.modulus = min(self.layout.modulus, 4, size)
        self.layout.rest %= self.layout.modulus
        return name

    def elements(self, field_type: FieldType, count: str) -> str:
        base = field_type.base
        name = self.fresh()
        if base == "boolean":
            self.emit(f"{name} = [x != 0 for x in data[pos : pos + {count}]]")
            self.emit(f"pos += {count}")
        elif base == "octet":
            self.emit(f"{name} = [OCTETS[x] for x in data[pos : pos + {count}]]")
            self.emit(f"pos += {count}")
        elif field_type.is_nested and self.uniform(base, name, count):
            return name
        else:
            self.emit(f"{name} = []")
            self.emit(f"for _ in range({count}):")
            self.indent += 1
            self.layout.forget()
            if field_type.is_nested:
                unpacker = self.bind("U", _SubUnpacker(base, self.resolve, self.order))
                self.emit(f"item, pos = {unpacker}(data, pos, end)")
            else:
                scalar = FieldType(base=base, string_bound=field_type.string_bound)
                self.emit(f"item = {self.scalar(scalar)}")
            self.emit(f"{name}.append(item)")
            self.indent -= 1
        self.layout.forget()
        return name

    def uniform(self, base: str, name: str, count: str) -> bool:
        """Unpack messages whose layout repeats without padding; False where it does not."""
        definition = self.resolve(base)[0]
        found = uniform_layout(definition, self.resolve)
        if found is None:
            return False
        codes, _, alignment, size = found
        walk = self.bind("S", struct.Struct(self.order + "".join(codes)).iter_unpack)
        build = self.bind("B", compile_builder(definition, self.resolve))
        self.emit(f"{name} = []")
        self.emit(f"if {count}:")
        self.indent += 1
        self.align(alignment)
        self.emit(f"check_count({count}, end - pos, {size}, 0)")
        stop = f"pos + {count} * {size}"
        self.emit(f"{name} = [{build}(*values) for values in {walk}(data[pos : {stop}])]")
        self.emit(f"pos += {count} * {size}")
        self.indent -= 1
        self.layout.forget()
        return True


class _SubUnpacker:
    """Unpacks a nested message; compiled at its first use."""

    def __init__(self, fullname: str, resolve: Resolve, order: str) -> None:
        self._make = (fullname, resolve, order)
        self._call: Callable[..., tuple[Any, int]] | None = None

    def __call__(self, data: memoryview, pos: int, end: int) -> tuple[Any, int]:
        if self._call is None:
            fullname, resolve, order = self._make
            self._call = compile_unpacker(resolve(fullname)[0], resolve, order, modulus=1)
        return self._call(data, pos, end)


def compile_builder(definition: MessageDef, resolve: Resolve) -> Callable[..., Any]:
    """Compile a function that makes a message of scalars from its values, in wire order."""
    generator = _Unpacker(resolve, "<")
    generator.layout = Layout(8)
    target = generator.message(definition)
    head = f"def build({', '.join(generator.run_items)}):"
    for line in [*generator.build, f"return {target}"]:
        generator.emit(line)
    generator.names.update(_unpack_names(resolve(definition.fullname)[1]))
    return generator.compile("build", head, f"<values of {definition.fullname}>")


def compile_unpacker(
    definition: MessageDef, resolve: Resolve, order: str = "<", *, modulus: int = 8
) -> Callable[[memoryview, int, int], tuple[Any, int]]:
    """Compile ``unpack(data, pos, end) -> (message, pos)``; see `compile_packer`."""
    generator = _Unpacker(resolve, order)
    generator.layout = Layout(modulus)
    target = generator.message(definition)
    generator.flush()
    for line in generator.build:
        generator.emit(line)
    generator.emit(f"return {target}, pos")
    generator.names.update(_unpack_names(resolve(definition.fullname)[1]))
    head = "def unpack(data, pos, end):"
    return generator.compile("unpack", head, f"<cdr of {definition.fullname}>")


def _unpack_names(cls: type) -> dict[str, Any]:
    check = cls.__init__.__globals__["ros_python_check_fields"] == "1"
    return {**_UNPACK_NAMES, "CHECK": check}


_UNPACK_NAMES = {
    "OCTETS": tuple(bytes([value]) for value in range(256)),
    "array": array,
    "new": object.__new__,
    "check_count": check_count,
    "decode_string": decode_string,
    "decode_wstring": decode_wstring,
    "unpack_array": unpack_array,
    "unpack_sequence": unpack_sequence,
}

"""Packers, compiled once per message type.

A packer collects the pieces of a sample in a list that is joined once; neighbouring fixed-size
fields, also across nested messages, go through one `struct` call.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from .generator import Generator, Layout, Resolve, dtype_code, uniform_layout
from .model import ARRAY_CODES, BASIC_SIZES, NUMPY_NAMES, STRUCT_CODES, Field, FieldType, MessageDef
from .values import (
    check_length,
    encode_string,
    encode_wstring,
    pack_array,
    pack_octets,
    pack_sequence,
    swapped,
)


class _Packer(Generator):
    def flush(self) -> None:
        if not self.run_codes:
            return
        packer = struct.Struct(self.order + "".join(self.run_codes))
        name = self.bind("S", packer.pack)
        self.emit(f"add({name}({', '.join(self.run_items)}))")
        self.emit(f"pos += {self.run_size}")
        self.run_codes, self.run_items, self.run_size = [], [], 0

    def pad(self, alignment: int) -> None:
        self.emit(f"pad = -pos & {alignment - 1}")
        self.emit("if pad:")
        self.emit("    add(ZEROS[pad])")
        self.emit("    pos += pad")
        self.layout.set_aligned(alignment)

    def message(self, definition: MessageDef, expression: str) -> None:
        if not definition.fields:
            self.fixed("B", 1, "0")
        for field in definition.fields:
            self.field(field, f"{expression}._{field.name}")

    def field(self, field: Field, expression: str) -> None:
        field_type = field.type
        if field_type.shape == "scalar":
            self.scalar(field_type, expression)
        elif field_type.shape == "array":
            self.array(field_type, expression)
        else:
            self.sequence(field_type, expression)

    def scalar(self, field_type: FieldType, expression: str) -> None:
        if field_type.is_nested:
            name = self.fresh()
            self.emit(f"{name} = {expression}")
            self.message(self.resolve(field_type.base)[0], name)
        elif field_type.base == "string":
            name = self.fresh()
            self.emit(f"{name} = encode_string({expression}, {field_type.string_bound})")
            self.fixed("I", 4, f"len({name})")
            self.variable(name, f"len({name})")
        elif field_type.base == "wstring":
            self.align(4)
            name = self.fresh()
            bound = field_type.string_bound
            self.emit(f"{name} = encode_wstring({expression}, {bound}, {self.order!r})")
            self.emit(f"add({name})")
            self.emit(f"pos += len({name})")
            self.layout.set_aligned(4)
        else:
            self.fixed(STRUCT_CODES[field_type.base], BASIC_SIZES[field_type.base], expression)

    def variable(self, buffer: str, size: str) -> None:
        self.flush()
        self.emit(f"add({buffer})")
        self.emit(f"pos += {size}")
        self.layout.forget()

    def array(self, field_type: FieldType, expression: str) -> None:
        if field_type.base in NUMPY_NAMES:
            size = BASIC_SIZES[field_type.base]
            self.align(size)
            dtype = f"{self.order}{dtype_code(field_type.base)}"
            self.emit(f"add(pack_array({expression}, {dtype!r}, {field_type.size}))")
            self.emit(f"pos += {field_type.size * size}")
            self.layout.advance(field_type.size * size)
            return
        name = self.fresh()
        self.emit(f"{name} = {expression}")
        self.emit(f"check_length({name}, {field_type.size}, exact=True)")
        self.elements(field_type, name)

    def sequence(self, field_type: FieldType, expression: str) -> None:
        name = self.fresh()
        base, bound = field_type.base, field_type.size
        if base in ARRAY_CODES:
            size = BASIC_SIZES[base]
            self.emit(f"{name} = pack_sequence({expression}, {ARRAY_CODES[base]!r}, {bound})")
            self.fixed("I", 4, f"len({name})")
            self.flush()
            self.emit(f"if {name}:")
            self.indent += 1
            layout = self.layout.modulus, self.layout.rest
            self.align(size)
            swap = f"swapped({name})" if self.order == ">" and size > 1 else name
            self.emit(f"add({swap})")
            self.emit(f"pos += len({name}) * {size}")
            self.indent -= 1
            self.layout.modulus, self.layout.rest = layout
            self.after_elements(size)
            return
        self.emit(f"{name} = {expression}")
        self.fixed("I", 4, f"check_length({name}, {bound}, exact=False)")
        self.elements(field_type, name)

    def after_elements(self, size: int) -> None:
        """What remains known after any number of elements of `size` bytes, or none."""
        self.layout.modulus = min(self.layout.modulus, 4, size)
        self.layout.rest %= self.layout.modulus

    def elements(self, field_type: FieldType, name: str) -> None:
        base = field_type.base
        self.flush()
        if base == "boolean":
            self.emit(f"add(bytes(map(bool, {name})))")
            self.emit(f"pos += len({name})")
        elif base == "octet":
            self.emit(f"add(pack_octets({name}))")
            self.emit(f"pos += len({name})")
        elif field_type.is_nested and self.uniform(base, name):
            return
        else:
            element = self.fresh("e")
            self.emit(f"for {element} in {name}:")
            self.indent += 1
            self.layout.forget()
            if field_type.is_nested:
                packer = self.bind("P", _SubPacker(base, self.resolve, self.order))
                self.emit(f"pos = {packer}({element}, add, pos)")
            else:
                self.scalar(FieldType(base=base, string_bound=field_type.string_bound), element)
                self.flush()
            self.indent -= 1
        self.layout.forget()

    def uniform(self, base: str, name: str) -> bool:
        """Pack messages whose layout repeats without padding; False where it does not."""
        found = uniform_layout(self.resolve(base)[0], self.resolve)
        if found is None:
            return False
        codes, paths, alignment, size = found
        pack = self.bind("S", struct.Struct(self.order + "".join(codes)).pack)
        items = ", ".join(f"e.{path}" for path in paths)
        self.emit(f"if {name}:")
        self.indent += 1
        self.align(alignment)
        self.emit(f"add(b''.join([{pack}({items}) for e in {name}]))")
        self.emit(f"pos += len({name}) * {size}")
        self.indent -= 1
        self.layout.forget()
        return True


class _SubPacker:
    """Packs a nested message; compiled at its first use."""

    def __init__(self, fullname: str, resolve: Resolve, order: str) -> None:
        self._make = (fullname, resolve, order)
        self._call: Callable[..., int] | None = None

    def __call__(self, message: Any, add: Callable[[Any], None], pos: int) -> int:
        if self._call is None:
            fullname, resolve, order = self._make
            self._call = compile_packer(resolve(fullname)[0], resolve, order, modulus=1)
        return self._call(message, add, pos)


def compile_packer(
    definition: MessageDef, resolve: Resolve, order: str = "<", *, modulus: int = 8
) -> Callable[[Any, Callable[[Any], None], int], int]:
    """Compile ``pack(message, add, pos) -> pos``, where `add` takes each piece of the sample.

    Args:
        definition: The message.
        resolve: Gives definition and class of the messages it holds.
        order: ``<`` or ``>``, as in `struct`.
        modulus: What `pos` is a multiple of when the function is called.
    """
    generator = _Packer(resolve, order)
    generator.layout = Layout(modulus)
    generator.message(definition, "m")
    generator.flush()
    generator.emit("return pos")
    generator.names.update(_PACK_NAMES)
    return generator.compile("pack", "def pack(m, add, pos):", f"<cdr of {definition.fullname}>")


_PACK_NAMES = {
    "ZEROS": tuple(bytes(count) for count in range(8)),
    "pack_array": pack_array,
    "pack_sequence": pack_sequence,
    "pack_octets": pack_octets,
    "check_length": check_length,
    "encode_string": encode_string,
    "encode_wstring": encode_wstring,
    "swapped": swapped,
}

"""CDR packers and unpackers, compiled once per message type.

The encoding is XCDR version 1 as every ROS 2 middleware speaks it: a 4-byte encapsulation header,
then each value aligned to its own size, counted from the end of the header. Packing collects the
pieces of a sample in a list that is joined once; neighbouring fixed-size fields, also across nested
messages, go through one `struct` call. Unpacking checks every length against the bytes that are
left before anything is allocated.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from typing import Any

from .errors import DeserializationError, SerializationError
from .model import (
    ARRAY_CODES,
    BASIC_SIZES,
    NUMPY_NAMES,
    STRUCT_CODES,
    Field,
    FieldType,
    MessageDef,
)

LITTLE_ENDIAN_HEADER = b"\x00\x01\x00\x00"
BIG_ENDIAN_HEADER = b"\x00\x00\x00\x00"
MAX_TRAILING = 7
"""Bytes of padding that may follow a sample."""

Resolve = Callable[[str], Any]
"""Maps a full message name to (definition, class)."""


def pack_array(value: Any, dtype: str, size: int) -> bytes:
    """The bytes of a fixed-size numeric field.

    Raises:
        SerializationError: The value has another size or cannot be converted.
    """
    import numpy as np

    out = np.ascontiguousarray(value, dtype=dtype)
    if out.size != size:
        raise SerializationError(f"an array of {size} elements holds {out.size}")
    return out.tobytes()


def unpack_array(data: memoryview, pos: int, dtype: str, size: int) -> Any:
    """A numpy array, owning its memory, from `size` elements at `pos`."""
    import numpy as np

    out = np.frombuffer(data, dtype, size, pos).copy()
    return out if out.dtype.isnative else out.astype(out.dtype.newbyteorder("="))


def pack_sequence(value: Any, code: str, bound: int) -> Any:
    """The buffer of a numeric sequence (`array.array` of type code `code`)."""
    if type(value) is not array or value.typecode != code:
        raise SerializationError(f"a numeric sequence must be an array.array({code!r})")
    if bound and len(value) > bound:
        raise SerializationError(f"a sequence of at most {bound} elements holds {len(value)}")
    return value


def check_length(value: Any, bound: int, *, exact: bool) -> int:
    """The length of a sequence or array of objects, within its bound."""
    length = len(value)
    if length != bound if exact else (bound and length > bound):
        raise SerializationError(f"a sequence for {bound} elements holds {length}")
    return length


def encode_string(value: Any, bound: int) -> bytes:
    """UTF-8 bytes with the closing NUL; rosidl takes bytes for text too."""
    if bound and len(value) > bound:
        raise SerializationError(f"a string of at most {bound} characters has {len(value)}")
    data = value if type(value) is bytes else value.encode("utf-8", "surrogateescape")
    return data + b"\x00"


def decode_string(data: memoryview, pos: int, length: int, bound: int) -> str:
    """The text of `length` bytes, closing NUL included, at `pos`."""
    if length > len(data) - pos:
        raise DeserializationError("a string runs past the end of the sample")
    if length == 0:
        return ""
    text = str(data[pos : pos + length - 1], "utf-8", "replace")
    if "\x00" in text:
        text = text[: text.index("\x00")]
    if bound and len(text) > bound:
        raise DeserializationError(f"a string of at most {bound} characters has {len(text)}")
    return text


def encode_wstring(value: str, bound: int, order: str) -> bytes:
    """Length and UTF-16 code units, each in 4 bytes (rosidl_typesupport_fastrtps, jazzy)."""
    if bound and len(value) > bound:
        raise SerializationError(f"a string of at most {bound} characters has {len(value)}")
    units = value.encode("utf-16-le", "surrogatepass")
    count = len(units) // 2
    words = struct.unpack(f"<{count}H", units)
    return struct.pack(f"{order}I{count}I", count, *words)


def decode_wstring(data: memoryview, pos: int, length: int, bound: int, order: str) -> str:
    """The text of `length` code units of 4 bytes at `pos`."""
    check_count(length, len(data) - pos, 4, bound)
    words = struct.unpack_from(f"{order}{length}I", data, pos)
    if any(word > 0xFFFF for word in words):
        raise DeserializationError("a wide string holds something other than UTF-16")
    return struct.pack(f"<{length}H", *words).decode("utf-16-le", "replace")


def check_count(count: int, left: int, least: int, bound: int) -> None:
    """Refuse a sequence length that the remaining bytes cannot hold."""
    if count * least > left:
        raise DeserializationError(f"{count} elements cannot stand in {left} bytes")
    if bound and count > bound:
        raise DeserializationError(f"a sequence of at most {bound} elements announces {count}")


def unpack_sequence(data: memoryview, pos: int, count: int, code: str, swap: bool) -> array[Any]:
    """An `array.array` of `count` elements at `pos`; the length was checked before."""
    out: array[Any] = array(code)
    out.frombytes(data[pos : pos + count * out.itemsize])
    if swap:
        out.byteswap()
    return out


def pack_octets(values: Any) -> bytes:
    """The bytes of a sequence of one-byte `bytes`."""
    out = b"".join(values)
    if len(out) != len(values):
        raise SerializationError("each octet must be bytes of length 1")
    return out


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


class _Layout:
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


class _Generator:
    """Shared by the packer and the unpacker: code lines, constants, runs of fixed-size values."""

    def __init__(self, resolve: Resolve, order: str) -> None:
        self.resolve = resolve
        self.order = order
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.layout = _Layout()
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


class _Packer(_Generator):
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
            dtype = f"{self.order}{_dtype_code(field_type.base)}"
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


class _Unpacker(_Generator):
    def __init__(self, resolve: Resolve, order: str) -> None:
        super().__init__(resolve, order)
        self.swap = order != _NATIVE_ORDER
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
            dtype = f"{self.order}{_dtype_code(base)}"
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
    generator.layout = _Layout(modulus)
    generator.message(definition, "m")
    generator.flush()
    generator.emit("return pos")
    generator.names.update(_PACK_NAMES)
    return generator.compile("pack", "def pack(m, add, pos):", f"<cdr of {definition.fullname}>")


def compile_unpacker(
    definition: MessageDef, resolve: Resolve, order: str = "<", *, modulus: int = 8
) -> Callable[[memoryview, int, int], tuple[Any, int]]:
    """Compile ``unpack(data, pos, end) -> (message, pos)``; see `compile_packer`."""
    generator = _Unpacker(resolve, order)
    generator.layout = _Layout(modulus)
    target = generator.message(definition)
    generator.flush()
    for line in generator.build:
        generator.emit(line)
    generator.emit(f"return {target}, pos")
    generator.names.update(_UNPACK_NAMES)
    cls = resolve(definition.fullname)[1]
    generator.names["CHECK"] = cls.__init__.__globals__["ros_python_check_fields"] == "1"
    head = "def unpack(data, pos, end):"
    return generator.compile("unpack", head, f"<cdr of {definition.fullname}>")


def _dtype_code(base: str) -> str:
    code = STRUCT_CODES[base]
    kind = "f" if base in ("float", "double") else ("u" if code.isupper() else "i")
    return f"{kind}{BASIC_SIZES[base]}"


def _swapped(values: array[Any]) -> array[Any]:
    out = values[:]
    out.byteswap()
    return out


_NATIVE_ORDER = "<" if struct.pack("=H", 1) == b"\x01\x00" else ">"
_PACK_NAMES = {
    "ZEROS": tuple(bytes(count) for count in range(8)),
    "pack_array": pack_array,
    "pack_sequence": pack_sequence,
    "pack_octets": pack_octets,
    "check_length": check_length,
    "encode_string": encode_string,
    "encode_wstring": encode_wstring,
    "swapped": _swapped,
}
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

"""Type hashes."""

from __future__ import annotations


class TypeHash:
    """The hash of an interface's full definition."""

    _TYPE_HASH_SIZE = 32

    __slots__ = ("_value", "_version")

    def __init__(self, version: int = -1, value: bytes = bytes(_TYPE_HASH_SIZE)) -> None:
        self.version = version
        self.value = value

    @property
    def version(self) -> int:
        """Version of the hashing rules; -1 when there is no hash."""
        return self._version

    @version.setter
    def version(self, value: int) -> None:
        if not isinstance(value, int):
            raise AssertionError("version must be an int")
        self._version = value

    @property
    def value(self) -> bytes:
        """The 32 bytes of the hash."""
        return self._value

    @value.setter
    def value(self, value: bytes) -> None:
        if not isinstance(value, bytes):
            raise AssertionError("value must be bytes")
        self._value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TypeHash):
            return False
        return self._version == other._version and self._value == other._value

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        if self._version <= 0 or len(self._value) != self._TYPE_HASH_SIZE:
            return "INVALID"
        return f"RIHS{self._version:02}_{self._value.hex()}"

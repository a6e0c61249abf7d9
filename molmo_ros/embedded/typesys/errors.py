"""What can go wrong between a definition and the wire."""

from __future__ import annotations


class TypesysError(Exception):
    """An interface could not be found, read, packed or unpacked."""


class DefinitionError(TypesysError):
    """The text of an interface definition is malformed."""


class UnknownInterfaceError(TypesysError, LookupError):
    """No source knows an interface of this name."""


class SerializationError(TypesysError):
    """A message holds a value that its type cannot carry."""


class DeserializationError(TypesysError):
    """Bytes are not a CDR sample of the expected type."""

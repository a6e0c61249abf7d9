"""The error classes of tf2, with the names its Python users catch."""

from __future__ import annotations


class TransformException(Exception):
    """Base class of everything a transform lookup can raise."""


class ConnectivityException(TransformException):
    """Both frames are known but no chain of transforms joins them."""


class LookupException(TransformException):
    """A frame is not known at all."""


class ExtrapolationException(TransformException):
    """The chain exists, but not at the requested time."""


class InvalidArgumentException(TransformException):
    """A frame name is empty or begins with a slash."""


class TimeoutException(TransformException):
    """A server did not answer in time."""

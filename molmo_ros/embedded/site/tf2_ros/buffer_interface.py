"""What every source of transforms offers, and the registry of transformable types."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header


class TypeException(Exception):
    """No function is registered for a type."""

    def __init__(self, errstr: str) -> None:
        super().__init__(errstr)
        self.errstr = errstr


class NotImplementedException(Exception):
    """A subclass of `BufferInterface` lacks a method."""

    def __init__(self) -> None:
        self.errstr = "CanTransform or LookupTransform not implemented"
        super().__init__(self.errstr)


class TransformRegistration:
    """Which function transforms which type; shared by the whole process."""

    _functions: ClassVar[dict[type, Callable[[Any, TransformStamped], Any]]] = {}

    def print_me(self) -> None:
        """Print the registered types."""
        print(self._functions)  # noqa: T201 - that is what it is for

    def add(self, key: type, callback: Callable[[Any, TransformStamped], Any]) -> None:
        """Register the function that transforms a type."""
        self._functions[key] = callback

    def get(self, key: type) -> Callable[[Any, TransformStamped], Any]:
        """Return the function that transforms a type."""
        return _registered(self._functions, key)


class ConvertRegistration:
    """Which functions convert between types; shared by the whole process."""

    _to_msg: ClassVar[dict[type, Callable[[Any], Any]]] = {}
    _from_msg: ClassVar[dict[type, Callable[[Any], Any]]] = {}
    _direct: ClassVar[dict[tuple[type, type], Callable[[Any], Any]]] = {}

    def add_from_msg(self, key: type, callback: Callable[[Any], Any]) -> None:
        """Register how a type is made from its message."""
        self._from_msg[key] = callback

    def add_to_msg(self, key: type, callback: Callable[[Any], Any]) -> None:
        """Register how a type is turned into its message."""
        self._to_msg[key] = callback

    def add_convert(self, key: tuple[type, type], callback: Callable[[Any], Any]) -> None:
        """Register how the first type is turned into the second."""
        self._direct[key] = callback

    def get_from_msg(self, key: type) -> Callable[[Any], Any]:
        """Return how a type is made from its message."""
        return _registered(self._from_msg, key)

    def get_to_msg(self, key: type) -> Callable[[Any], Any]:
        """Return how a type is turned into its message."""
        return _registered(self._to_msg, key)

    def get_convert(self, key: tuple[type, type]) -> Callable[[Any], Any]:
        """Return how the first type is turned into the second."""
        return _registered(self._direct, key)


def _registered(functions: dict[Any, Any], key: Any) -> Any:
    try:
        return functions[key]
    except KeyError:
        raise TypeException(f"Type {key} is not loaded or supported") from None


def convert(a: Any, b_type: type) -> Any:
    """Convert a stamped object, through its message where there is no direct way."""
    registration = ConvertRegistration()
    try:
        return registration.get_convert((type(a), b_type))(a)
    except TypeException:
        if type(a) is b_type:
            return deepcopy(a)
        return registration.get_from_msg(b_type)(registration.get_to_msg(type(a))(a))


def Stamped(obj: Any, stamp: Time, frame_id: str) -> Any:
    """Give an object a header and return it."""
    obj.header = Header(frame_id=frame_id, stamp=stamp)
    return obj


class BufferInterface:
    """A source of transforms that can also transform objects of registered types."""

    def __init__(self) -> None:
        self.registration = TransformRegistration()

    def transform(
        self,
        object_stamped: Any,
        target_frame: str,
        timeout: Duration = Duration(),
        new_type: type | None = None,
    ) -> Any:
        """Transform a stamped object into a frame, at the object's time.

        Args:
            object_stamped: An object of a registered type, with a header.
            target_frame: The frame to transform into.
            timeout: How long to wait for the transform.
            new_type: The type to convert the answer to.

        Returns:
            The transformed object.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform(target_frame, header.frame_id, header.stamp, timeout)
        res = do_transform(object_stamped, transform)
        return res if new_type is None else convert(res, new_type)

    def transform_full(
        self,
        object_stamped: Any,
        target_frame: str,
        target_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
        new_type: type | None = None,
    ) -> Any:
        """Transform a stamped object into a frame at another time, through a fixed frame.

        Args:
            object_stamped: An object of a registered type, with a header.
            target_frame: The frame to transform into.
            target_time: The time at which to see the target frame.
            fixed_frame: The frame that does not move between the two times.
            timeout: How long to wait for the transform.
            new_type: The type to convert the answer to.

        Returns:
            The transformed object.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform_full(
            target_frame, target_time, header.frame_id, header.stamp, fixed_frame, timeout
        )
        res = do_transform(object_stamped, transform)
        return res if new_type is None else convert(res, new_type)

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
    ) -> TransformStamped:
        """Return a transform; for a subclass to implement."""
        raise NotImplementedException

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
    ) -> TransformStamped:
        """Return a transform through a fixed frame; for a subclass to implement."""
        raise NotImplementedException

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
    ) -> bool:
        """Tell whether a transform is known; for a subclass to implement."""
        raise NotImplementedException

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
    ) -> bool:
        """Tell whether a transform through a fixed frame is known; for a subclass to implement."""
        raise NotImplementedException

"""A node's parameters: the part of :class:`rclpy.node.Node` that declares, sets and describes them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import (
    ListParametersResult,
    ParameterDescriptor,
    ParameterEvent,
    ParameterType,
    ParameterValue,
    SetParametersResult,
)
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.srv import ListParameters

from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.parameter import PARAMETER_SEPARATOR_STRING, Parameter
from rclpy.parameter_ranges import double_in_range, integer_in_range, refusal, success
from rclpy.validate_parameter_name import validate_parameter_name

if TYPE_CHECKING:
    from rclpy.clock import Clock
    from rclpy.publisher import Publisher

PreCallback = Callable[[list[Parameter]], list[Parameter]]
SetCallback = Callable[[list[Parameter]], SetParametersResult]
PostCallback = Callable[[list[Parameter]], None]

_WRONG_TYPE = "Wrong parameter type"


def _require_names(names: Sequence[str]) -> None:
    if not all(isinstance(name, str) for name in names):
        raise TypeError("All names must be instances of type str")


class NodeParameters:
    """Declares, sets, describes and lists parameters."""

    PARAM_REL_TOL = 1e-6
    """Relative tolerance with which floating point values meet the ends and steps of a range."""

    _clock: Clock
    _parameter_event_publisher: Publisher[Any]
    get_fully_qualified_name: Callable[[], str]

    def _init_parameters(self, allow_undeclared_parameters: bool) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, ParameterDescriptor] = {}
        self._parameter_overrides: dict[str, Parameter] = {}
        self._allow_undeclared_parameters = allow_undeclared_parameters
        self._pre_set_parameters_callbacks: list[PreCallback] = []
        self._on_set_parameters_callbacks: list[SetCallback] = []
        self._post_set_parameters_callbacks: list[PostCallback] = []

    def declare_parameter(
        self,
        name: str,
        value: Any = None,
        descriptor: ParameterDescriptor | None = None,
        ignore_override: bool = False,
    ) -> Parameter:
        """Declare a parameter.

        Args:
            name: Its name.
            value: Its value, or its :class:`rclpy.parameter.Parameter.Type`.
            descriptor: What is said of it: ranges, whether it is read-only, whether its type may change.
            ignore_override: Take ``value`` even if the command line gives another.

        Raises:
            ParameterAlreadyDeclaredException: It is declared already.
            InvalidParameterException: Its name is not valid.
            InvalidParameterTypeException: The command line's value has another type.
            InvalidParameterValueException: A callback or range refuses the value.
            ValueError: A statically typed parameter needs a value or type.
        """
        if value is None and descriptor is None:
            entry: tuple[Any, ...] = (name,)
        else:
            entry = (name, value, ParameterDescriptor() if descriptor is None else descriptor)
        return self.declare_parameters("", [entry], ignore_override)[0]

    def declare_parameters(
        self, namespace: str, parameters: Sequence[tuple[Any, ...]], ignore_override: bool = False
    ) -> list[Parameter]:
        """Declare several parameters, their names below ``namespace``; see :meth:`declare_parameter`."""
        declared: list[Parameter] = []
        descriptors: dict[str, ParameterDescriptor] = {}
        for index, entry in enumerate(parameters):
            name, value, descriptor = self._read_declaration(namespace, index, entry)
            if not ignore_override and name in self._parameter_overrides:
                value = self._parameter_overrides[name].value
            declared.append(Parameter(name, value=value))
            descriptors[name] = descriptor
        known = [parameter.name for parameter in declared if parameter.name in self._parameters]
        if known:
            raise ParameterAlreadyDeclaredException(known)
        for parameter in declared:
            result = self._set_parameters_atomically_common([parameter], descriptors, allow_not_set_type=True)
            if result.successful:
                continue
            if result.reason.startswith(_WRONG_TYPE):
                expected = Parameter.Type(descriptors[parameter.name].type).name
                raise InvalidParameterTypeException(parameter, expected)
            raise InvalidParameterValueException(parameter.name, parameter.value, result.reason)
        return [self._parameters[parameter.name] for parameter in declared]

    def _read_declaration(
        self, namespace: str, index: int, entry: tuple[Any, ...]
    ) -> tuple[str, Any, ParameterDescriptor]:
        if not 1 <= len(entry) <= 3:
            raise TypeError(
                f"Invalid parameter tuple length at index {index} in parameters list: {entry}; "
                "expecting length between 1 and 3"
            )
        name = entry[0]
        if not isinstance(name, str):
            raise TypeError(f"First element {name} at index {index} in parameters list is not a str.")
        if namespace:
            name = f"{namespace}.{name}"
        validate_parameter_name(name)
        value = entry[1] if len(entry) > 1 else None
        descriptor = entry[2] if len(entry) > 2 else ParameterDescriptor()
        if not isinstance(descriptor, ParameterDescriptor):
            raise TypeError(
                f"Third element {descriptor} at index {index} in parameters list is not a ParameterDescriptor."
            )
        if len(entry) == 1:
            warnings.warn(
                f"when declaring parameter named '{name}', declaring a parameter only providing its name "
                "is deprecated. Pass a default value, a parameter type, or a descriptor with "
                "`dynamic_typing=True`.",
                stacklevel=4,
            )
            descriptor.dynamic_typing = True
        if isinstance(value, Parameter.Type):
            if value is Parameter.Type.NOT_SET:
                raise ValueError(f"Cannot declare parameter {{{name}}} as statically typed of type NOT_SET")
            if descriptor.dynamic_typing:
                raise ValueError(
                    f"When declaring parameter {{{name}}} passing a descriptor with `dynamic_typing=True` "
                    "is not allowed when the parameter type is provided"
                )
            descriptor.type = value.value
            return name, None, descriptor
        if not descriptor.dynamic_typing:
            if isinstance(value, ParameterValue):
                descriptor.type = value.type
            else:
                descriptor.type = Parameter.Type.from_parameter_value(value).value
            if descriptor.type == ParameterType.PARAMETER_NOT_SET:
                raise ValueError(
                    "Cannot declare a statically typed parameter with default value of type PARAMETER_NOT_SET"
                )
        return name, value, descriptor

    def undeclare_parameter(self, name: str) -> None:
        """Forget a parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared.
            ParameterImmutableException: It is read-only.
        """
        if name not in self._parameters:
            raise ParameterNotDeclaredException(name)
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name]
        del self._descriptors[name]

    def has_parameter(self, name: str) -> bool:
        """Whether a parameter is declared."""
        return name in self._parameters

    def get_parameter_types(self, names: list[str]) -> list[Any]:
        """Types of several parameters; see :meth:`get_parameter_type`."""
        _require_names(names)
        return [self.get_parameter_type(name) for name in names]

    def get_parameter_type(self, name: str) -> Any:
        """Number of a parameter's type.

        Raises:
            ParameterNotDeclaredException: It is not declared and undeclared ones are not allowed.
        """
        if name in self._parameters:
            return self._parameters[name].type_.value
        if self._allow_undeclared_parameters:
            return Parameter.Type.NOT_SET
        raise ParameterNotDeclaredException(name)

    def get_parameters(self, names: list[str]) -> list[Parameter]:
        """Several parameters; see :meth:`get_parameter`."""
        _require_names(names)
        return [self.get_parameter(name) for name in names]

    def get_parameter(self, name: str) -> Parameter:
        """A parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared and undeclared ones are not allowed.
            ParameterUninitializedException: It was declared by its type and has no value yet.
        """
        parameter = self._parameters.get(name)
        if parameter is not None:
            if parameter.type_ is Parameter.Type.NOT_SET and not self._descriptors[name].dynamic_typing:
                raise ParameterUninitializedException(name)
            return parameter
        if self._allow_undeclared_parameters:
            return Parameter(name, Parameter.Type.NOT_SET, None)
        raise ParameterNotDeclaredException(name)

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """A parameter, or another one when it is not declared or not set."""
        parameter = self._parameters.get(name)
        if parameter is not None and parameter.type_ is not Parameter.Type.NOT_SET:
            return parameter
        return Parameter(name, Parameter.Type.NOT_SET) if alternative_value is None else alternative_value

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """The parameters whose names begin with a prefix and a dot, without the prefix."""
        start = prefix + PARAMETER_SEPARATOR_STRING if prefix else ""
        return {name[len(start) :]: parameter for name, parameter in self._parameters.items() if name.startswith(start)}

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set parameters one by one; each has its result.

        Raises:
            ParameterNotDeclaredException: One is not declared and undeclared ones are not allowed.
        """
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all of several parameters or none.

        Raises:
            ParameterNotDeclaredException: One is not declared and undeclared ones are not allowed.
        """
        if self._pre_set_parameters_callbacks:
            changed: list[Parameter] = []
            for callback in self._pre_set_parameters_callbacks:
                changed.extend(callback(parameter_list))
            if not changed:
                return refusal(
                    "parameter list cannot be empty, this might be due to "
                    "pre_set_parameters_callback modifying the original parameters list."
                )
            parameter_list = changed
        self._check_undeclared_parameters(parameter_list)
        return self._set_parameters_atomically_common(parameter_list)

    def _check_undeclared_parameters(self, parameter_list: list[Parameter]) -> None:
        if not all(isinstance(parameter, Parameter) for parameter in parameter_list):
            raise TypeError(f"parameter must be instance of type '{Parameter!r}'")
        unknown = [p.name for p in parameter_list if p.name not in self._parameters]
        if unknown and not self._allow_undeclared_parameters:
            raise ParameterNotDeclaredException(unknown)

    def _set_parameters_atomically_common(
        self,
        parameter_list: list[Parameter],
        descriptors: dict[str, ParameterDescriptor] | None = None,
        allow_not_set_type: bool = False,
    ) -> SetParametersResult:
        """Check, ask the callbacks, set, publish the event and tell the callbacks."""
        new = descriptors is not None
        table = self._descriptors if descriptors is None else descriptors
        for parameter in parameter_list:
            if parameter.name in table:
                result = self._apply_descriptor(parameter, table[parameter.name], not new)
                if not result.successful:
                    return result
        for ask in self._on_set_parameters_callbacks:
            result = ask(parameter_list)
            if not result.successful:
                return result
        event = ParameterEvent(node=self.get_fully_qualified_name())
        for parameter in parameter_list:
            self._store(parameter, descriptors, event, allow_not_set_type)
        event.stamp = self._clock.now().to_msg()
        self._parameter_event_publisher.publish(event)
        for tell in self._post_set_parameters_callbacks:
            tell(parameter_list)
        return success()

    def _store(
        self,
        parameter: Parameter,
        descriptors: dict[str, ParameterDescriptor] | None,
        event: ParameterEvent,
        allow_not_set_type: bool,
    ) -> None:
        name = parameter.name
        if parameter.type_ is Parameter.Type.NOT_SET and not allow_not_set_type:
            event.deleted_parameters.append(parameter.to_parameter_msg())
            self._parameters.pop(name, None)
            self._descriptors.pop(name, None)
            return
        if descriptors is not None:
            self._descriptors[name] = descriptors[name]
        elif name not in self._descriptors:
            self._descriptors[name] = ParameterDescriptor(dynamic_typing=True)
        if self.get_parameter_or(name).type_ is Parameter.Type.NOT_SET:
            event.new_parameters.append(parameter.to_parameter_msg())
        else:
            event.changed_parameters.append(parameter.to_parameter_msg())
        self._parameters[name] = parameter

    def list_parameters(self, prefixes: list[str], depth: int) -> ListParametersResult:
        """Names of the parameters below prefixes, down to a depth; 0 means any depth.

        Raises:
            TypeError: The arguments have other types.
            ValueError: The depth is negative.
        """
        if not isinstance(prefixes, list):
            raise TypeError("The prefixes argument must be a list")
        if not all(isinstance(prefix, str) for prefix in prefixes):
            raise TypeError("All prefixes must be instances of type str")
        if not isinstance(depth, int):
            raise TypeError("The depth must be instance of type int")
        if depth < 0:
            raise ValueError("The depth must be greater than or equal to zero")
        any_depth = depth == ListParameters.Request.DEPTH_RECURSIVE

        def shallow(name: str) -> bool:
            return any_depth or name.count(PARAMETER_SEPARATOR_STRING) < depth

        def wanted(name: str) -> bool:
            if not prefixes:
                return shallow(name)
            return any(
                name == prefix
                or (name.startswith(prefix + PARAMETER_SEPARATOR_STRING) and shallow(name[len(prefix) + 1 :]))
                for prefix in prefixes
            )

        names = [name for name in self._parameters if wanted(name)]
        found: dict[str, None] = {}
        for name in names:
            parent, separator, _ = name.rpartition(PARAMETER_SEPARATOR_STRING)
            if separator:
                found[parent] = None
        return ListParametersResult(names=names, prefixes=list(found))

    def add_pre_set_parameters_callback(self, callback: PreCallback) -> None:
        """Let ``callback`` change a list of parameters before it is set."""
        self._pre_set_parameters_callbacks.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: SetCallback) -> None:
        """Let ``callback`` accept or refuse a list of parameters."""
        self._on_set_parameters_callbacks.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: PostCallback) -> None:
        """Tell ``callback`` of parameters that were set."""
        self._post_set_parameters_callbacks.insert(0, callback)

    def remove_pre_set_parameters_callback(self, callback: PreCallback) -> None:
        """Undo :meth:`add_pre_set_parameters_callback`."""
        self._pre_set_parameters_callbacks.remove(callback)

    def remove_on_set_parameters_callback(self, callback: SetCallback) -> None:
        """Undo :meth:`add_on_set_parameters_callback`."""
        self._on_set_parameters_callbacks.remove(callback)

    def remove_post_set_parameters_callback(self, callback: PostCallback) -> None:
        """Undo :meth:`add_post_set_parameters_callback`."""
        self._post_set_parameters_callbacks.remove(callback)

    def _apply_descriptor(
        self,
        parameter: Parameter,
        descriptor: ParameterDescriptor | None = None,
        check_read_only: bool = True,
    ) -> SetParametersResult:
        """Whether a descriptor allows a value."""
        if descriptor is None:
            descriptor = self.describe_parameter(parameter.name)
        else:
            descriptor.name = parameter.name
        kind = parameter.type_
        if check_read_only and descriptor.read_only:
            return refusal(f"Trying to set a read-only parameter: {parameter.name}.")
        if descriptor.dynamic_typing:
            descriptor.type = kind.value
        elif kind is Parameter.Type.NOT_SET:
            if parameter.name in self._parameters:
                return refusal("Static parameter cannot be undeclared")
        elif kind.value != descriptor.type:
            return refusal(f"{_WRONG_TYPE}, expected '{Parameter.Type(descriptor.type)}' got '{kind}'")
        if kind is Parameter.Type.INTEGER and descriptor.integer_range:
            return integer_in_range(parameter, descriptor.integer_range[0])
        if kind is Parameter.Type.DOUBLE and descriptor.floating_point_range:
            return double_in_range(parameter, descriptor.floating_point_range[0], self.PARAM_REL_TOL)
        return success()

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """What is said of a parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared and undeclared ones are not allowed.
        """
        if name in self._descriptors:
            return self._descriptors[name]
        if self._allow_undeclared_parameters:
            return ParameterDescriptor()
        raise ParameterNotDeclaredException(name)

    def describe_parameters(self, names: Sequence[str]) -> list[ParameterDescriptor]:
        """What is said of several parameters; see :meth:`describe_parameter`."""
        return [self.describe_parameter(name) for name in names]

    def set_descriptor(
        self,
        name: str,
        descriptor: ParameterDescriptor,
        alternative_value: ParameterValue | None = None,
    ) -> ParameterValue:
        """Say something else of a parameter.

        Args:
            name: The parameter.
            descriptor: What to say.
            alternative_value: The value to take if the descriptor does not allow the present one.

        Returns:
            The parameter's value afterwards.

        Raises:
            ParameterNotDeclaredException: It is not declared and undeclared ones are not allowed.
            ParameterImmutableException: It is read-only.
            InvalidParameterValueException: The descriptor allows neither value.
        """
        if name not in self._parameters:
            if not self._allow_undeclared_parameters:
                raise ParameterNotDeclaredException(name)
            return self.get_parameter(name).get_parameter_value()
        if self.describe_parameter(name).read_only:
            raise ParameterImmutableException(name)
        current = self.get_parameter(name)
        alternative = current
        if alternative_value is not None:
            alternative = Parameter.from_parameter_msg(ParameterMsg(name=name, value=alternative_value))
        for candidate in (current, alternative):
            result = self._apply_descriptor(candidate, descriptor, False)
            if result.successful:
                self._parameters[name] = candidate
                break
        else:
            raise InvalidParameterValueException(name, alternative.value, result.reason)
        self._descriptors[name] = descriptor
        return self.get_parameter(name).get_parameter_value()

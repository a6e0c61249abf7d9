"""What every node shares: declared parameters, one way up, one way down."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import rclpy
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node

from molmo_ros.core.errors import ErrorCode, MolmoRosError


@dataclass(frozen=True, kw_only=True)
class Param:
    """One declared parameter.

    Attributes:
        name: Its name.
        default: Its default, which also fixes its type.
        doc: What it does, with units.
        low: Smallest allowed number.
        high: Largest allowed number.
        choices: Allowed strings.
        live: Whether it may change while the node runs.
    """

    name: str
    default: Any
    doc: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False


def declare(node: Node, params: Sequence[Param]) -> dict[str, Any]:
    """Declares the parameters with descriptors and bounds, and gives their values.

    Raises:
        MolmoRosError: CONFIG_INVALID for a value outside its bounds or of another type.
    """
    values: dict[str, Any] = {}
    for param in params:
        descriptor = ParameterDescriptor(description=param.doc, read_only=not param.live)
        if param.low is not None or param.high is not None:
            if isinstance(param.default, float):
                low, high = (
                    param.low if param.low is not None else -1e300,
                    param.high if param.high is not None else 1e300,
                )
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
                ]
            else:
                low, high = (
                    param.low if param.low is not None else -(2**62),
                    param.high if param.high is not None else 2**62,
                )
                descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
        if param.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(param.choices)
        try:
            value = node.declare_parameter(param.name, param.default, descriptor).value
        except Exception as error:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"Parameter {param.name}: {error}") from error
        if param.choices and value not in param.choices:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID,
                f'Parameter {param.name} is "{value}"; it must be one of: {", ".join(param.choices)}.',
            )
        values[param.name] = list(value) if hasattr(value, "tolist") else value
    return values


def run(factory: Callable[[], Node], args: list[str] | None = None, threads: int = 4) -> int:
    """Brings a node up, spins it and takes it down; the exit code is 0 after a clean shutdown, 2 for a named fault."""
    rclpy.init(args=args)
    node: Node | None = None
    executor = MultiThreadedExecutor(num_threads=threads)
    code = 0
    try:
        node = factory()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        code = 0
    except MolmoRosError as error:
        sys.stderr.write(f"error [{error.code.name}] {error.message}\n")
        code = 2
    finally:
        executor.shutdown(timeout_sec=2.0)
        if node is not None:
            close = getattr(node, "close", None)
            if close is not None:
                close()
            node.destroy_node()
        rclpy.try_shutdown()
    return code


def exit_with(code: int) -> None:
    """Ends the process; worker threads inside native model code do not keep it alive."""
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        os._exit(code)
    sys.exit(0)

"""Whether a parameter's value is within the range its descriptor gives."""

from __future__ import annotations

import math

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, SetParametersResult

from rclpy.parameter import Parameter


def success() -> SetParametersResult:
    """The value is taken."""
    return SetParametersResult(successful=True)


def refusal(reason: str) -> SetParametersResult:
    """The value is not taken."""
    return SetParametersResult(successful=False, reason=reason)


def integer_in_range(parameter: Parameter, limits: IntegerRange) -> SetParametersResult:
    """Both ends are allowed; between them only whole steps from the lower one."""
    low, high = sorted((limits.from_value, limits.to_value))
    value, step = parameter.value, limits.step
    if value in (low, high):
        return success()
    if not low < value < high:
        return refusal(f"Parameter {parameter.name} out of range. Min: {low}, Max: {high}, value: {value}")
    if step and (value - low) % step:
        return refusal(
            f"The parameter value for {parameter.name} is not a valid step. "
            f"Min: {low}, max: {high}, value: {value}, step: {step}"
        )
    return success()


def double_in_range(parameter: Parameter, limits: FloatingPointRange, tolerance: float) -> SetParametersResult:
    """As :func:`integer_in_range`, with a relative tolerance at the ends and steps."""
    low, high = sorted((limits.from_value, limits.to_value))
    value, step = parameter.value, limits.step

    def close(other: float) -> bool:
        return math.isclose(value, other, rel_tol=tolerance)

    if close(low) or close(high):
        return success()
    if not low < value < high:
        return refusal(f"Parameter {parameter.name} out of range Min: {low}, Max: {high}, value: {value}")
    if step and not close(low + round((value - low) / step) * step):
        return refusal(
            f"The parameter value for {parameter.name} is not close enough to a valid step. "
            f"Min: {low}, max: {high}, value: {value}, step: {step}"
        )
    return success()

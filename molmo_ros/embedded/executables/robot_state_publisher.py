"""`robot_state_publisher robot_state_publisher`: a URDF and joint positions become transforms."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rclpy
from builtin_interfaces.msg import Time as TimeMsg
from geometry_msgs.msg import TransformStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, ParameterUninitializedException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from molmo_ros.core.errors import ErrorCode, MolmoRosError

from .urdf_tree import Joint, parse_urdf

MAX_FREQUENCY_HZ = 1000.0


class RobotStatePublisher(Node):
    """Publishes ``/tf`` and ``/tf_static`` of a robot, and its description for whoever asks.

    Parameters: ``robot_description`` (URDF text), ``publish_frequency`` (Hz, at most so often per
    joint), ``frame_prefix``, ``ignore_timestamp`` (take every ``joint_states`` message).

    Args:
        urdf_path: File to read the description from where the parameter is empty.
        **options: As for ``Node``.
    """

    def __init__(self, urdf_path: str | None = None, **options: Any) -> None:
        super().__init__("robot_state_publisher", **options)
        description = self.declare_parameter("robot_description", "").value
        if not description and urdf_path is not None:
            description = _read(urdf_path)
            self.set_parameters([Parameter("robot_description", value=description)])
        if not description:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "The parameter robot_description must not be empty.")
        self._interval_ns = _interval_ns(self.declare_parameter("publish_frequency", 20.0).value)
        self._prefix = self.declare_parameter("frame_prefix", "").value
        self._ignores_stamps = self.declare_parameter("ignore_timestamp", False).value
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._tf = self.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self._tf_static = self.create_publisher(TFMessage, "/tf_static", latched)
        self._description = self.create_publisher(String, "robot_description", latched)
        self._published_ns: dict[str, int] = {}
        self._last_callback_ns = 0
        self._use(description)
        self.create_subscription(
            JointState,
            "joint_states",
            self._on_joint_states,
            qos_profile_sensor_data,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.add_on_set_parameters_callback(self._check)
        self.add_post_set_parameters_callback(self._adopt)

    def _use(self, description: str) -> None:
        """Publish a description and the transforms that never change."""
        joints = parse_urdf(description)
        self._moving = {joint.name: joint for joint in joints if joint.is_moving}
        self._static = [joint for joint in joints if joint.is_static]
        self._mimics = {joint.name: joint.mimic for joint in joints if joint.mimic is not None}
        self._description.publish(String(data=description))
        self._publish_static()
        self.get_logger().info("Robot initialized")

    def _publish_static(self) -> None:
        stamp = self.get_clock().now().to_msg()
        transforms = [self._transform(joint, 0.0, stamp) for joint in self._static]
        self._tf_static.publish(TFMessage(transforms=transforms))

    def _on_joint_states(self, state: JointState) -> None:
        if len(state.name) != len(state.position):
            if not len(state.position):
                first = state.name[0] if state.name else ""
                self.get_logger().warning(
                    "Robot state publisher ignored a JointState message about joint(s) "
                    f'"{first}"(,...) whose position member was empty.'
                )
            else:
                self.get_logger().error("Robot state publisher ignored an invalid JointState message")
            return
        now_ns = self.get_clock().now().nanoseconds
        if self._last_callback_ns > now_ns:
            self.get_logger().warning("Moved backwards in time, re-publishing joint transforms!")
            self._published_ns.clear()
        self._last_callback_ns = now_ns
        stamp_ns = state.header.stamp.sec * 10**9 + state.header.stamp.nanosec
        oldest_ns = min([now_ns, *(self._published_ns.get(name, 0) for name in state.name)])
        if not self._ignores_stamps and stamp_ns < oldest_ns + self._interval_ns:
            return
        self._publish_moving(dict(zip(state.name, state.position, strict=True)), state.header.stamp)
        self._published_ns.update(dict.fromkeys(state.name, stamp_ns))

    def _publish_moving(self, positions: Mapping[str, float], stamp: TimeMsg) -> None:
        wanted = dict(positions)
        for name, mimic in self._mimics.items():
            if mimic.joint in positions:
                wanted.setdefault(name, positions[mimic.joint] * mimic.multiplier + mimic.offset)
        transforms = [
            self._transform(self._moving[name], float(position), stamp)
            for name, position in wanted.items()
            if name in self._moving and math.isfinite(position)
        ]
        self._tf.publish(TFMessage(transforms=transforms))

    def _transform(self, joint: Joint, position: float, stamp: TimeMsg) -> TransformStamped:
        translation, rotation = joint.transform(position)
        message = TransformStamped()
        message.header.stamp = stamp
        message.header.frame_id = self._prefix + joint.parent
        message.child_frame_id = self._prefix + joint.child
        t, q = message.transform.translation, message.transform.rotation
        t.x, t.y, t.z = translation
        q.x, q.y, q.z, q.w = rotation
        return message

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuse a description that cannot be used and a frequency that makes no sense."""
        for parameter in parameters:
            try:
                if parameter.name == "robot_description":
                    parse_urdf(str(parameter.value or ""))
                elif parameter.name == "publish_frequency":
                    _interval_ns(parameter.value)
            except MolmoRosError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _adopt(self, parameters: list[Parameter]) -> None:
        values = {parameter.name: parameter.value for parameter in parameters}
        if "publish_frequency" in values:
            self._interval_ns = _interval_ns(values["publish_frequency"])
        self._ignores_stamps = values.get("ignore_timestamp", self._ignores_stamps)
        self._prefix = values.get("frame_prefix", self._prefix)
        if "robot_description" in values:
            self._use(values["robot_description"])
        elif "frame_prefix" in values:
            self._publish_static()


def _interval_ns(frequency_hz: float) -> int:
    """Return the shortest time between two publications of a joint; 0 Hz stands for no limit."""
    if not 0.0 <= frequency_hz <= MAX_FREQUENCY_HZ:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID,
            f"publish_frequency must be between 0 and {MAX_FREQUENCY_HZ:.0f}, not {frequency_hz}.",
        )
    return int(1000.0 / frequency_hz) * 10**6 if frequency_hz else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"Cannot read the robot description {path}: {error}.") from error


def main() -> None:
    """Run until interrupted."""
    rclpy.init()
    arguments = rclpy.utilities.remove_ros_args(sys.argv)
    try:
        rclpy.spin(RobotStatePublisher(arguments[1] if len(arguments) > 1 else None))
    except (MolmoRosError, InvalidParameterTypeException, ParameterUninitializedException) as error:
        rclpy.logging.get_logger("robot_state_publisher").fatal(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()

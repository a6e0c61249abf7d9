"""The driver that a parameter names: ros2_control's controllers, or a vendor's library in this very process."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg
from std_srvs.srv import Trigger

from molmo_ros.core.errors import MolmoRosError
from molmo_ros.core.robot import RobotDriver
from molmo_ros.motion.description import RobotConfig
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param
from molmo_ros.nodes.controller_driver import ControllerDriver

PARAMS = (
    Param(
        name="driver",
        default="trajectory_controller",
        doc="What moves the robot: ros2_control's controllers, or franky for an FR3 without them.",
        choices=("trajectory_controller", "franky"),
    ),
    Param(name="robot_ip", default="", doc="franky: address of the robot's control unit."),
    Param(
        name="relative_dynamics",
        default=0.05,
        doc="franky: share of the largest velocity, acceleration and jerk; begin with 0.05.",
        low=0.01,
        high=1.0,
    ),
    Param(name="realtime", default=True, doc="franky: insist on a real-time kernel, which a real robot needs."),
    Param(
        name="collision_torque_nm",
        default=20.0,
        doc="franky: external joint torque at which the robot stops itself [Nm].",
        low=1.0,
        high=100.0,
    ),
    Param(
        name="collision_force_n",
        default=30.0,
        doc="franky: external force at which the robot stops itself [N].",
        low=1.0,
        high=100.0,
    ),
)
STATE_PERIOD_S = 0.01


def make_driver(node: Node, values: dict[str, object], robot: RobotConfig, armed: Callable[[], bool]) -> RobotDriver:
    """The configured driver; a vendor's comes with joint_states and the recover service.

    Args:
        node: Node that speaks for it.
        values: Values of PARAMS and of the controllers' parameters.
        robot: The robot.
        armed: Whether the robot may move at this moment; nothing is recovered then.

    Raises:
        MolmoRosError: DRIVER_UNAVAILABLE, DEPENDENCY_MISSING or CONFIG_INVALID.
    """
    if values["driver"] == "franky":
        from molmo_ros.robots.franky_driver import FrankyConfig, FrankyDriver

        config = FrankyConfig(
            robot_ip=str(values["robot_ip"]),
            realtime=bool(values["realtime"]),
            dynamics=float(values["relative_dynamics"]),
            torque_threshold_nm=float(values["collision_torque_nm"]),
            force_threshold_n=float(values["collision_force_n"]),
        )
        limits = robot.limits
        driver = FrankyDriver(config, limits.names, (limits.lower, limits.upper), robot.gripper_joints)
        VendorPort(node, driver, armed)
        return driver
    return ControllerDriver(node, values, robot.limits.names, robot.gripper_joints)


class VendorPort:
    """What a robot without ros2_control needs said for it: its joint states, and a way to recover it."""

    def __init__(self, node: Node, driver: object, armed: Callable[[], bool]) -> None:
        self._node, self._driver, self._armed = node, driver, armed
        self._warned_s = -float("inf")
        self._states = node.create_publisher(JointStateMsg, "joint_states", 10)
        group = MutuallyExclusiveCallbackGroup()
        node.create_service(Trigger, "recover", self._recover, callback_group=group)
        node.create_timer(STATE_PERIOD_S, self._say, MutuallyExclusiveCallbackGroup())

    def _say(self) -> None:
        try:
            state = self._driver.joint_state()
        except MolmoRosError as error:
            if time.monotonic() - self._warned_s > 5.0:
                self._warned_s = time.monotonic()
                self._node.get_logger().warning(f"[{error.code.name}] {error.message}")
            return
        self._states.publish(convert.joint_state_msg(state))

    def _recover(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._armed():
            response.success, response.message = False, "Press stop first; an armed robot is not recovered."
            return response
        try:
            self._driver.recover()
        except MolmoRosError as error:
            response.success, response.message = False, error.message
            return response
        response.success, response.message = True, "recovered; arm the robot to go on"
        return response

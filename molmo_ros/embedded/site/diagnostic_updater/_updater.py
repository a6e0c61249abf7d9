"""Run diagnostic tasks periodically and publish what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from ._status import DiagnosticStatusWrapper
from ._tasks import DiagnosticTaskVector


class Updater(DiagnosticTaskVector):
    """Publishes the state of its tasks on ``/diagnostics``.

    Parameters of the node: ``diagnostic_updater.period`` (s) and ``diagnostic_updater.use_fqn``,
    whether to report under the node's fully qualified name.

    Args:
        node: The node to report for.
        period: How often (s), where the parameter is not set.
    """

    def __init__(self, node: Node, period: float = 1.0) -> None:
        super().__init__()
        self.node = node
        self.publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self.period_parameter = "diagnostic_updater.period"
        self._period = _parameter(node, self.period_parameter, period)
        self.timer = node.create_timer(self._period, self.update)
        self.verbose = False
        self.hwid = ""
        self.warn_nohwid_done = False
        self.use_fqn_parameter = "diagnostic_updater.use_fqn"
        use_fqn = _parameter(node, self.use_fqn_parameter, False)
        self.node_name = node.get_fully_qualified_name() if use_fqn else node.get_name()

    def update(self) -> None:
        """Run all tasks and publish what they say."""
        statuses: list[DiagnosticStatusWrapper] = []
        with self.lock:
            for task in self.tasks:
                status = DiagnosticStatusWrapper()
                status.level = DiagnosticStatus.ERROR
                status.name = task.name
                status.message = "No message was set"
                status.hardware_id = self.hwid
                status = task.run(status)
                statuses.append(status)
                if self.verbose and status.level != DiagnosticStatus.OK:
                    self.node.get_logger().warning(
                        f"Non-zero diagnostic status. Name: {status.name}, status {status.level}: {status.message}"
                    )
        is_all_well = all(status.level == DiagnosticStatus.OK for status in statuses)
        if is_all_well and not self.hwid and not self.warn_nohwid_done:
            self.node.get_logger().warning(
                "diagnostic_updater: No HW_ID was set. This is probably a bug. Please report it. "
                "For devices that do not have a HW_ID, set this value to none. This warning only "
                "occurs once all diagnostics are OK so it is okay to wait until the device is "
                "open before calling setHardwareID."
            )
            self.warn_nohwid_done = True
        self.publish(statuses)

    @property
    def period(self) -> float:
        """How often (s) to publish."""
        return self._period

    @period.setter
    def period(self, period: float) -> None:
        self._period = period
        self.node.destroy_timer(self.timer)
        self.timer = self.node.create_timer(period, self.update)

    def force_update(self) -> None:
        """Publish now."""
        self.update()

    def broadcast(self, lvl: bytes, msg: str) -> None:
        """Publish one level and message for every task, for instance at shutdown."""
        statuses = []
        for task in self.tasks:
            status = DiagnosticStatusWrapper()
            status.name = task.name
            status.hardware_id = self.hwid
            status.summary(lvl, msg)
            statuses.append(status)
        self.publish(statuses)

    def setHardwareID(self, hwid: str) -> None:
        """Set which device the diagnostics are about."""
        self.hwid = hwid

    def publish(self, msg: DiagnosticStatus | Sequence[DiagnosticStatus]) -> None:
        """Publish one status or several, under the node's name."""
        array = DiagnosticArray()
        array.header.stamp = self.node.get_clock().now().to_msg()
        for stat in msg if isinstance(msg, list) else [msg]:
            status = DiagnosticStatus()
            status.name = f"{self.node_name}: {stat.name}"
            status.level = stat.level
            status.message = stat.message
            status.hardware_id = stat.hardware_id
            status.values = stat.values
            array.status.append(status)
        self.publisher.publish(array)

    def addedTaskCallback(self, task: DiagnosticTaskVector.DiagnosticTaskInternal) -> None:
        """Tell the world that a task exists before it has run."""
        status = DiagnosticStatusWrapper()
        status.name = task.name
        status.summary(DiagnosticStatus.OK, "Node starting up")
        self.publish(status)


def _parameter(node: Node, name: str, default: Any) -> Any:
    if node.has_parameter(name):
        return node.get_parameter(name).value
    return node.declare_parameter(name, default).value

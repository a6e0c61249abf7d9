"""Services that show and set the levels of a node's loggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import LoggerLevel, SetLoggerLevelsResult
from rcl_interfaces.srv import GetLoggerLevels, SetLoggerLevels

import rclpy.logging
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.qos import qos_profile_services_default
from rclpy.validate_topic_name import TOPIC_SEPARATOR_STRING

if TYPE_CHECKING:
    from rclpy.node import Node


class LoggingService:
    """Offers ``~/get_logger_levels`` and ``~/set_logger_levels``."""

    def __init__(self, node: Node) -> None:
        for kind, word, callback in (
            (GetLoggerLevels, "get_logger_levels", self._get_logger_levels),
            (SetLoggerLevels, "set_logger_levels", self._set_logger_levels),
        ):
            name = TOPIC_SEPARATOR_STRING.join((node.get_name(), word))
            node.create_service(kind, name, callback, qos_profile=qos_profile_services_default)

    def _get_logger_levels(self, request: Any, response: Any) -> Any:
        levels = []
        for name in request.names:
            try:
                level = rclpy.logging.get_logger_level(name)
            except RuntimeError:
                level = LoggingSeverity.UNSET
            levels.append(LoggerLevel(name=name, level=int(level)))
        response.levels = levels
        return response

    def _set_logger_levels(self, request: Any, response: Any) -> Any:
        results = []
        for level in request.levels:
            result = SetLoggerLevelsResult(successful=True)
            try:
                rclpy.logging.set_logger_level(level.name, level.level, detailed_error=True)
            except ValueError:
                result = SetLoggerLevelsResult(successful=False, reason="Failed reason: Invalid logger level.")
            except RuntimeError as error:
                result = SetLoggerLevelsResult(successful=False, reason=str(error))
            results.append(result)
        response.results = results
        return response

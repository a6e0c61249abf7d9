"""Service servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.client import SrvType, SrvTypeRequest, SrvTypeResponse
from rclpy.clock import Clock
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.qos import QoSProfile
from rclpy.service_introspection import ServiceIntrospectionState

__all__ = ["Service", "SrvType", "SrvTypeRequest", "SrvTypeResponse"]


class Service:
    """Serves a service; nodes make them."""

    def __init__(
        self,
        service_impl: _rclpy.Service,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        callback_group: CallbackGroup,
        qos_profile: QoSProfile,
    ) -> None:
        self._handle = service_impl
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False
        self.qos_profile = qos_profile

    def send_response(self, response: Any, header: Any) -> None:
        """Answer the request that came with ``header``.

        Raises:
            TypeError: ``response`` is not a response of this service, or ``header`` is no header.
        """
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(f"Expected {self.srv_type.Response}, got {type(response)}")
        if isinstance(header, _rclpy.rmw_service_info_t):
            header = header.request_id
        if not isinstance(header, _rclpy.rmw_request_id_t):
            raise TypeError(f"Expected the header of a request, got {type(header)}")
        with self._handle:
            self._handle.service_send_response(response, header)

    def configure_introspection(
        self,
        clock: Clock,
        service_event_qos_profile: QoSProfile,
        introspection_state: ServiceIntrospectionState,
    ) -> None:
        """Publish what is received and sent on the service's event topic."""
        with self._handle:
            self._handle.configure_introspection(
                clock.handle, service_event_qos_profile.get_c_qos_profile(), introspection_state
            )

    @property
    def handle(self) -> _rclpy.Service:
        """The core's service."""
        return self._handle

    @property
    def service_name(self) -> str:
        """The service's full name."""
        with self._handle:
            return self._handle.name

    def destroy(self) -> None:
        """Destroy it; use :meth:`rclpy.node.Node.destroy_service`."""
        self._handle.destroy_when_not_in_use()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.destroy()

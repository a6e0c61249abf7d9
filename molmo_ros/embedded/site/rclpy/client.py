"""Service clients."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock
from rclpy.context import Context
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.qos import QoSProfile
from rclpy.service_introspection import ServiceIntrospectionState
from rclpy.task import Future

SrvType = TypeVar("SrvType")
SrvTypeRequest = TypeVar("SrvTypeRequest")
SrvTypeResponse = TypeVar("SrvTypeResponse")


class Client:
    """Calls a service; nodes make them."""

    def __init__(
        self,
        context: Context,
        client_impl: _rclpy.Client,
        srv_type: Any,
        srv_name: str,
        qos_profile: QoSProfile,
        callback_group: CallbackGroup,
    ) -> None:
        self.context = context
        self._handle = client_impl
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.qos_profile = qos_profile
        self._pending_requests: dict[int, Future] = {}
        self.callback_group = callback_group
        self._executor_event = False
        self._lock = threading.Lock()

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """Call and wait for the response; an executor must spin in another thread.

        Returns:
            The response, or nothing when the time is over first.

        Raises:
            TypeError: ``request`` is not a request of this service.
        """
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"Expected {self.srv_type.Request}, got {type(request)}")
        done = threading.Event()
        future = self.call_async(request)
        future._add_waiter(done.set)
        if not done.wait(timeout_sec):
            self.remove_pending_request(future)
        error = future.exception()
        if error is not None:
            raise error
        return future.result()

    def call_async(self, request: Any) -> Future:
        """Call; the future is done when the response is there.

        Raises:
            TypeError: ``request`` is not a request of this service.
        """
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"Expected {self.srv_type.Request}, got {type(request)}")
        with self._lock:
            with self._handle:
                sequence_number = self._handle.send_request(request)
            if sequence_number in self._pending_requests:
                raise RuntimeError(f"Sequence ({sequence_number}) conflicts with pending request")
            future = Future()
            self._pending_requests[sequence_number] = future
            future._add_waiter(partial(self._forget, sequence_number))
        return future

    def get_pending_request(self, sequence_number: int) -> Future:
        """The future of a request that waits for its response.

        Raises:
            KeyError: There is none of that number.
        """
        with self._lock:
            return self._pending_requests[sequence_number]

    def _forget(self, sequence_number: int) -> None:
        self._pending_requests.pop(sequence_number, None)

    def remove_pending_request(self, future: Future) -> None:
        """Stop waiting for a response."""
        with self._lock:
            for sequence_number, pending in self._pending_requests.items():
                if pending is future:
                    del self._pending_requests[sequence_number]
                    return

    def service_is_ready(self) -> bool:
        """Whether a server is there."""
        with self._handle:
            return self._handle.service_server_is_available()

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait until a server is there; ``False`` when the time is over or the context ends first."""
        if not self.context.ok():
            return self.service_is_ready()
        with self._handle:
            return self._handle.wait_for_server(timeout_sec)

    def configure_introspection(
        self,
        clock: Clock,
        service_event_qos_profile: QoSProfile,
        introspection_state: ServiceIntrospectionState,
    ) -> None:
        """Publish what is sent and received on the service's event topic."""
        with self._handle:
            self._handle.configure_introspection(
                clock.handle, service_event_qos_profile.get_c_qos_profile(), introspection_state
            )

    @property
    def handle(self) -> _rclpy.Client:
        """The core's client."""
        return self._handle

    @property
    def service_name(self) -> str:
        """The service's full name."""
        with self._handle:
            return self._handle.service_name

    def destroy(self) -> None:
        """Destroy it; use :meth:`rclpy.node.Node.destroy_client`."""
        self._handle.destroy_when_not_in_use()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.destroy()

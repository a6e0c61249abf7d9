"""Keeps the machine's meeting port served, so that peers without a router find each other.

The first session of a machine listens on the meeting port itself. When that process dies, its
neighbours notice the closed transport; the first of them to get the port opens a second session
that does nothing but listen there and gossip. Everyone reconnects to it, and newcomers learn of all.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
from typing import TYPE_CHECKING, Any

from molmo_ros.embedded.transport import config

if TYPE_CHECKING:
    import zenoh


def port_is_free() -> bool:
    """Whether nobody listens on the meeting port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", config.meeting_port()))
        except OSError:
            return False
    return True


class Rendezvous:
    """Takes the meeting port over when the peer that served it is gone.

    Args:
        session: The session whose transports are watched.
    """

    def __init__(self, session: zenoh.Session, callback: Any) -> None:
        import zenoh

        self._put = zenoh.SampleKind.PUT
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._working = False
        self._meeting: zenoh.Session | None = None
        self._listener = session.info.declare_transport_events_listener(callback(self._on_transport))

    def _on_transport(self, event: zenoh.TransportEvent) -> None:
        if event.kind == self._put or self._meeting is not None or self._closed.is_set():
            return
        with self._lock:
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._take_over, name="zenoh-rendezvous", daemon=True).start()

    def _take_over(self) -> None:
        import zenoh

        # Neighbours notice at the same moment; a random pause lets one of them be first.
        self._closed.wait(random.uniform(0.0, 0.2))
        try:
            if self._closed.is_set() or not port_is_free():
                return
            conf = zenoh.Config()
            for key, value in config.meeting().items():
                conf.insert_json5(key, json.dumps(value))
            meeting = zenoh.open(conf)
        except zenoh.ZError:
            return  # Another peer was quicker.
        finally:
            self._working = False
        with self._lock:
            if not self._closed.is_set():
                self._meeting = meeting
                return
        meeting.close()

    def close(self) -> None:
        """Stop watching and give the port up."""
        self._closed.set()
        with contextlib.suppress(Exception):
            self._listener.undeclare()
        with self._lock:
            meeting, self._meeting = self._meeting, None
        if meeting is not None:
            with contextlib.suppress(Exception):
                meeting.close()

"""The embedded runtime stands in for ROS 2 in these tests, at a meeting port nobody else uses."""

import os
import socket

from hypothesis import settings

from molmo_ros.embedded import install

install()

# Busy machines are no bugs.
settings.register_profile("embedded", deadline=None)
settings.load_profile("embedded")

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    os.environ.setdefault("MOLMO_ROS_MEETING_PORT", str(probe.getsockname()[1]))

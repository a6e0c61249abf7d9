"""The GPU box's side of the two-machine test: a policy server on its own loopback, and policy_node."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "servers"))

from fakes import FakePolicyServer

from molmo_ros.embedded import install

install()

from molmo_ros.nodes.policy_node import main  # noqa: E402

server = FakePolicyServer("list", step_rad=0.01)
main(
    ["--ros-args", "-p", f"contract:={sys.argv[1]}", "-p", f"model:={{backend: molmobot, url: '{server.url}'}}",
     "-p", "camera_max_age_s:=2.0", "-p", "joint_states_max_age_s:=1.0"]
)  # fmt: skip

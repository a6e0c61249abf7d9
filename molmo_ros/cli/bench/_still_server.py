"""A policy that stays where it is, behind our own server: what remains of a request is overhead. Run as a process."""

from __future__ import annotations

import sys

import numpy as np

from molmo_ros.cli.contracts import find
from molmo_ros.core.types import ActionChunk, ActionKind, Thought
from molmo_ros.models.protocols import ModelInfo, Observation
from molmo_ros.models.servers.act_server import ActServer


class Still:
    """Answers at once with the measured joints."""

    info = ModelInfo(backend="still")

    def warm_up(self) -> None:
        """Nothing to load."""

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """Fifteen rows of the measured state."""
        chunk = ActionChunk(
            names=observation.joints.names,
            values=np.tile(observation.joints.positions, (15, 1)),
            kind=ActionKind.JOINT_POSITION,
            dt_s=1 / 15,
            observation_stamp_ns=observation.stamp_ns,
            sequence=1,
        )
        return Thought(prompt=instruction, raw_text=""), chunk


if __name__ == "__main__":
    server = ActServer(Still(), next(find([sys.argv[1]])), port=0)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()

"""The ``molmobot`` backend: a client of MolmoBot's policy servers and of openpi's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.columns import GRIPPER_COLUMN
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.core.types import ActionChunk, ActionKind, Thought
from molmo_ros.models.codecs.wire import Dialect, decode, encode
from molmo_ros.models.molmobot.dialects import MAX_ROWS, Reply, actions_of, array_of, kind_of, server_seconds
from molmo_ros.models.molmobot.embodiments import Fr3, Rows, embodiment
from molmo_ros.models.protocols import Observation
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.servers.address import address
from molmo_ros.models.servers.images import fitted
from molmo_ros.models.servers.remote import RemoteModel
from molmo_ros.models.servers.websocket import Link

PROTOCOLS = ("auto", "molmobot", "openpi")
PI0_VELOCITY_SCALE = 0.2
"""pi0's DROID policies give joint velocities; a step is the velocity times this (MolmoSpaces' own wrapper)."""


class MolmoBotPolicy(RemoteModel):
    """MolmoBot, MolmoBot-SPOC, MolmoBot-Pi0 or an openpi policy as a policy.

    The servers are told apart by what they say: a greeting with ``model_name`` is MolmoBot's, any other openpi's; the
    keys of a reply say whether it holds one action, a list, or an array. A server of single actions keeps its chunk and
    its frame history to itself, counted in requests; so the whole chunk is asked for at once, action by action, each
    time from where the last one leads. Only the first of these requests waits for the model.

    Options: ``url``, ``protocol`` ("auto", "molmobot", "openpi"), ``deadline_s``, ``rows`` (of single actions; the
    contract's execution length by default), ``velocity`` (openpi actions are velocities), ``point_name``,
    ``token_env``, ``trusted_network``.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        contract = self.needs_contract()
        self._robot = embodiment(contract)
        self._address = address(spec.options, "ws://127.0.0.1:8000", ("ws", "wss"))
        self._protocol = str(spec.options.get("protocol", "auto"))
        if self._protocol not in PROTOCOLS:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"protocol must be one of {', '.join(PROTOCOLS)}.")
        self._rows = int(self.number("rows", float(contract.execute_length)))
        if self._rows > MAX_ROWS:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"rows must be {MAX_ROWS} at most.")
        self._velocity = bool(spec.options.get("velocity", False))
        self._point_name = str(spec.options.get("point_name", "target"))
        self._link = Link(self._address, self.backoff)
        self._sequence, self._fresh = 0, True
        self.metadata: Mapping[Any, Any] = {}

    @property
    def alive(self) -> bool:
        """Whether the server is there, as far as is known without asking."""
        return self._link.alive

    def warm_up(self) -> None:
        """Connects and asks once about grey images, so that the server compiles; then resets it."""
        contract = self.needs_contract()
        grey = {c.name: np.full((c.height_px, c.width_px, 3), 128, dtype=np.uint8) for c in contract.cameras}
        with self.lock:
            self._open()
            deadline = time.monotonic() + self.number("warm_up_s", 120.0)
            names = contract.state_names
            zero = np.zeros(len(names))
            joints = JointState(names=names, positions=zero, velocities=zero, efforts=zero, stamp_ns=0)
            observation = Observation(images=grey, joints=joints, gripper_width_m=0.0, stamp_ns=0)
            self._ask(self._request(observation, "warm up", None), deadline)
            self._link.close()

    def start(self) -> None:
        """A new goal: the server forgets history and chunk, because connecting resets it."""
        with self.lock:
            self._link.close()
            self._fresh = True

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """The next chunk: joints, openings [m] and base steps by name."""
        started = time.monotonic()
        try:
            with self.lock:
                rows, phases = self._chunk(observation, instruction, started + self.deadline_s)
                self._sequence += 1
                self._fresh = False
                chunk = ActionChunk(
                    names=rows.names,
                    values=rows.values,
                    kind=ActionKind.JOINT_POSITION,
                    dt_s=self.needs_contract().dt_s,
                    observation_stamp_ns=observation.stamp_ns,
                    sequence=self._sequence,
                )
        except MolmoRosError as error:
            return self.refusal(instruction, "", started, error), None
        return self.thought(instruction, "", started, phases, actions=chunk.values), chunk

    def _open(self) -> None:
        self._link.open()
        greeting = decode(self._link.greeting, Dialect.MSGPACK_NUMPY) if self._link.greeting else {}
        if not isinstance(greeting, Mapping):
            raise MolmoRosError(ErrorCode.MODEL_ANSWER_INVALID, "The policy server's greeting is no map.")
        self.metadata = greeting

    @property
    def _speaks_openpi(self) -> bool:
        return self._protocol == "openpi" or (self._protocol == "auto" and "model_name" not in self.metadata)

    def _chunk(self, observation: Observation, instruction: str, deadline: float) -> tuple[Rows, dict[str, float]]:
        if not self._link.alive:
            self._link.close()
            self._fresh = True
        self._open()
        sent = time.monotonic()
        reply = self._ask(self._request(observation, instruction, None), deadline)
        phases = {"first_answer": time.monotonic() - sent, **server_seconds(reply)}
        groups = self._robot.groups
        kind = kind_of(reply, groups)
        if kind is Reply.ARRAY:
            return self._from_array(reply, observation), phases
        if kind is Reply.LIST:
            rows = [self._robot.row(action) for action in actions_of(reply)]
            return self._robot.finish(rows, observation), phases
        rows = [self._robot.row(reply)]
        lasts_s = self._rows * self.needs_contract().dt_s
        for _ in range(self._rows - 1):
            if time.monotonic() - sent > lasts_s:
                # The rest would come when its time is over; the server's own count is in mid-chunk, so begin anew.
                self._link.drop()
                raise MolmoRosError(
                    ErrorCode.MODEL_TIMEOUT,
                    f"The policy server gave {len(rows)} of {self._rows} actions within the {lasts_s:.2f} s they are for.",
                )
            ahead = self._robot.foreseen(rows, observation)
            reply = self._ask(self._request(observation, instruction, ahead), deadline)
            rows.append(self._robot.row(reply))
        phases["all_answers"] = time.monotonic() - sent
        return self._robot.finish(rows, observation), phases

    def _ask(self, request: dict[str, Any], deadline: float) -> Mapping[Any, Any]:
        dialect = Dialect.OPENPI if self._speaks_openpi else Dialect.MSGPACK_NUMPY
        try:
            reply = decode(self._link.ask(encode(request, dialect), deadline), dialect)
        except MolmoRosError as error:
            if error.code is ErrorCode.PAYLOAD_INVALID:
                self._link.drop()
            raise
        if not isinstance(reply, Mapping):
            raise MolmoRosError(ErrorCode.MODEL_ANSWER_INVALID, "The policy server's reply is no map.")
        return reply

    def _request(
        self, observation: Observation, instruction: str, arm: npt.NDArray[np.float64] | None
    ) -> dict[str, Any]:
        contract = self.needs_contract()
        images = {}
        for camera in contract.cameras:
            if camera.name not in observation.images:
                raise MolmoRosError(ErrorCode.CAMERA_LOST, f"The policy wants an image of {camera.name}; none came.")
            images[camera.name] = fitted(observation.images[camera.name], camera.width_px, camera.height_px)
        if self._speaks_openpi:
            return self._openpi_request(observation, instruction, list(images.values()))
        request: dict[str, Any] = {"task": instruction, "qpos": self._robot.qpos(observation, arm), **images}
        if self._fresh and arm is None:
            request["reset"] = True
            if len(observation.points_px):
                request["object_image_points"] = self._points(observation)
        return request

    def _points(self, observation: Observation) -> dict[str, Any]:
        """Point prompts as fractions of the raw head image, or of the first image where there is no head camera."""
        names = [c.name for c in self.needs_contract().cameras]
        camera = "head_camera" if "head_camera" in names else names[0]
        height, width = observation.images[camera].shape[:2]
        points = observation.points_px[:10] / np.array([width, height])
        entry = {"points": points.astype(np.float32), "num_points": np.array([len(points)])}
        return {self._point_name: {camera: entry}}

    def _openpi_request(
        self, observation: Observation, instruction: str, images: list[npt.NDArray[np.uint8]]
    ) -> dict[str, Any]:
        if not isinstance(self._robot, Fr3):
            raise MolmoRosError(ErrorCode.NOT_SUPPORTED, "openpi's DROID policies know the FR3 only.")
        qpos = self._robot.qpos(observation)
        contract = self.needs_contract()
        opening = contract.gripper.max_width_m if contract.gripper is not None else 0.08
        closed = 1.0 - min(max(observation.gripper_width_m / opening, 0.0), 1.0)
        return {
            "observation/exterior_image_1_left": images[0],
            "observation/wrist_image_left": images[-1],
            "observation/joint_position": qpos["arm"],
            "observation/gripper_position": np.array([closed], dtype=np.float32),
            "prompt": instruction,
        }

    def _from_array(self, reply: Mapping[Any, Any], observation: Observation) -> Rows:
        if not isinstance(self._robot, Fr3):
            raise MolmoRosError(ErrorCode.NOT_SUPPORTED, "openpi's DROID policies know the FR3 only.")
        values = array_of(reply, 8)
        arm = values[:, :7]
        names = tuple(n for n in self._robot.names if n != GRIPPER_COLUMN)
        if self._velocity:
            steps = np.clip(arm, -1.0, 1.0) * PI0_VELOCITY_SCALE
            arm = observation.joints.select(names) + np.cumsum(steps, axis=0)
        contract = self.needs_contract()
        opening = contract.gripper.max_width_m if contract.gripper is not None else 0.08
        width = np.where(values[:, 7] > 0.5, 0.0, opening)
        return Rows(names=self._robot.names, values=np.column_stack([arm, width]))

    def close(self) -> None:
        """Closes the connection."""
        self._link.close()


def build(spec: ModelSpec, context: dict[str, Any]) -> MolmoBotPolicy:
    """Build the backend for the registry."""
    return MolmoBotPolicy(spec, context)

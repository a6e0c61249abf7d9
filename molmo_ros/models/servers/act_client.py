"""A client of MolmoAct2's ``/act`` servers (``examples/droid/host_server_droid.py`` and those of the same protocol)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.columns import GRIPPER_COLUMN
from molmo_ros.core.contract import EmbodimentContract
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, ActionKind, Thought
from molmo_ros.models.protocols import Observation
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.servers.address import address
from molmo_ros.models.servers.images import fitted
from molmo_ros.models.servers.remote import RemoteModel

IMAGE_KEYS = ("external_cam", "wrist_cam")
MAX_ROWS = 256


def state_of(contract: EmbodimentContract, observation: Observation) -> npt.NDArray[np.float32]:
    """The measured state in the contract's order; a gripper from its open to its closed value.

    Raises:
        MolmoRosError: JOINT_STATES_INVALID when a joint is missing.
    """
    values = []
    for name in contract.state_names:
        if "gripper" in name and name not in observation.joints.names and contract.gripper is not None:
            gripper = contract.gripper
            share = min(max(observation.gripper_width_m / gripper.max_width_m, 0.0), 1.0)
            values.append(gripper.closed_value + (gripper.open_value - gripper.closed_value) * share)
        else:
            values.append(float(observation.joints.select((name,))[0]))
    return np.asarray(values, dtype=np.float32)


def openings(contract: EmbodimentContract, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Gripper actions in the model's range as openings [m], within what the gripper has."""
    gripper = contract.gripper
    if gripper is None:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{contract.name} acts on a gripper but does not describe it.")
    share = (values - gripper.closed_value) / (gripper.open_value - gripper.closed_value)
    return np.asarray(np.clip(share, 0.0, 1.0) * gripper.max_width_m, dtype=np.float64)


def on_the_wire(
    contract: EmbodimentContract, actions: npt.NDArray[np.float64]
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """A model's action columns as the executor takes them: joints by name, grippers as openings [m]."""
    names, columns = [], []
    for i, name in enumerate(contract.action_names):
        if "gripper" in name and not name.endswith(GRIPPER_COLUMN):
            prefix = name[: name.index("gripper")]
            names.append(f"{prefix}{GRIPPER_COLUMN}")
            columns.append(openings(contract, actions[:, i]))
        else:
            names.append(name)
            columns.append(actions[:, i])
    return tuple(names), np.column_stack(columns)


class ActClient(RemoteModel):
    """MolmoAct2 behind an ``/act`` server.

    Options: ``url``, ``deadline_s``, ``image_keys`` (the server's names of the contract's cameras, in order),
    ``steps`` (flow steps), ``token_env``, ``trusted_network``.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        from molmo_ros.models.servers.http import Requests

        contract = self.needs_contract()
        self._requests = Requests(
            address(spec.options, "http://127.0.0.1:8000", ("http", "https")),
            self.backoff,
        )
        keys = spec.options.get("image_keys", IMAGE_KEYS)
        self._keys = tuple(str(k) for k in keys) if isinstance(keys, list | tuple) else ()
        if len(self._keys) != len(contract.cameras):
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID,
                f"{contract.name} has {len(contract.cameras)} cameras but image_keys names {len(self._keys)}.",
            )
        self._sequence = 0

    def warm_up(self) -> None:
        """Nothing to load here; the server warms itself up."""

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """The next chunk."""
        started = time.monotonic()
        contract = self.needs_contract()
        try:
            with self.lock:
                body = self._body(contract, observation, instruction)
                prepared = time.monotonic()
                reply = self._requests.post("/act", body, started + self.deadline_s)
                answered = time.monotonic()
                names, values = on_the_wire(contract, _actions(reply, len(contract.action_names)))
                self._sequence += 1
                chunk = ActionChunk(
                    names=names,
                    values=values,
                    kind=contract.action_kind or ActionKind.JOINT_POSITION,
                    dt_s=contract.dt_s,
                    observation_stamp_ns=observation.stamp_ns,
                    sequence=self._sequence,
                )
        except MolmoRosError as error:
            return self.refusal(instruction, "", started, error), None
        phases = {"preprocess": prepared - started, "answer": answered - prepared}
        spent = reply.get("dt_ms")
        if isinstance(spent, int | float) and 0 <= spent < 1e7:
            phases["server_total"] = float(spent) / 1e3
        return self.thought(instruction, "", started, phases, actions=chunk.values), chunk

    def _body(self, contract: EmbodimentContract, observation: Observation, instruction: str) -> dict[str, Any]:
        body: dict[str, Any] = {"instruction": instruction, "state": state_of(contract, observation)}
        for key, camera in zip(self._keys, contract.cameras, strict=True):
            if camera.name not in observation.images:
                raise MolmoRosError(ErrorCode.CAMERA_LOST, f"The policy wants an image of {camera.name}; none came.")
            body[key] = fitted(observation.images[camera.name], camera.width_px, camera.height_px)
        if "steps" in self.spec.options:
            body["num_steps"] = int(self.number("steps", 10))
        return body

    def close(self) -> None:
        """Closes the connection."""
        self._requests.close()


def _actions(reply: Any, columns: int) -> npt.NDArray[np.float64]:
    if not isinstance(reply, Mapping) or not isinstance(reply.get("actions"), np.ndarray):
        raise MolmoRosError(ErrorCode.MODEL_ANSWER_INVALID, "The server's answer holds no actions.")
    actions = reply["actions"]
    if actions.ndim == 3 and len(actions) == 1:
        actions = actions[0]
    if actions.dtype.kind not in "fiu" or actions.ndim != 2 or actions.shape[1] != columns:
        raise MolmoRosError(
            ErrorCode.MODEL_ANSWER_INVALID,
            f"The server sent actions of shape {actions.shape}; (rows, {columns}) was expected.",
        )
    if not 1 <= len(actions) <= MAX_ROWS or not np.all(np.isfinite(actions)):
        raise MolmoRosError(
            ErrorCode.MODEL_ANSWER_INVALID, f"The server's actions are not 1 to {MAX_ROWS} rows of finite numbers."
        )
    return np.asarray(actions, dtype=np.float64)


def build(spec: ModelSpec, context: dict[str, Any]) -> ActClient:
    """Build the client."""
    return ActClient(spec, context)

"""The ``molmoact2`` backend: action chunks by flow or by discrete tokens, with Think's depth where trained."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, ActionKind, Thought
from molmo_ros.models.base import CheckpointModel, torch_dtype
from molmo_ros.models.errors import CheckpointError, InputError, NotSupportedError
from molmo_ros.models.fetching import locate
from molmo_ros.models.images import CropRule, Uint8Image
from molmo_ros.models.molmo2.prompting import Molmo2Prompts
from molmo_ros.models.molmo2.vlm import Prefix
from molmo_ros.models.molmoact2.context import token_bins
from molmo_ros.models.molmoact2.depth import DepthMemory
from molmo_ros.models.molmoact2.fast import FastTokenizer, load_fast
from molmo_ros.models.molmoact2.model import MolmoAct2Model, load_molmoact2
from molmo_ros.models.molmoact2.prompt import IMAGE, clean_task, robot_prompt, state_text
from molmo_ros.models.molmoact2.rtc import Guidance
from molmo_ros.models.molmoact2.stats import RobotTag, choose_tag, load_tags
from molmo_ros.models.protocols import Observation
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.tokens import Tokens
from molmo_ros.models.weights import Checkpoint, Progress

MODES = ("continuous", "discrete")


@dataclass(kw_only=True)
class ActedChunk:
    """One decided chunk.

    Attributes:
        actions: (steps, dim) in physical units.
        normalised: (horizon, dim) as the flow gave it, for guidance of the next.
        prompt: The literal prompt.
        depth_bins: Depth codes, () without Think.
        seconds: Wall time by phase.
    """

    actions: npt.NDArray[np.float32]
    normalised: npt.NDArray[np.float32]
    prompt: str
    depth_bins: tuple[int, ...]
    seconds: dict[str, float]


class MolmoAct2Engine:
    """Model, tokenizer, statistics of one checkpoint and one robot. Not safe for use from two threads at once.

    Args:
        model: Loaded.
        tokens: Its tokenizer.
        robot: The embodiment in use.
        fast: Tokenizer of the discrete mode, None without it.
    """

    def __init__(
        self, model: MolmoAct2Model, tokens: Tokens, robot: RobotTag, fast: FastTokenizer | None = None
    ) -> None:
        self.model, self.tokens, self.robot, self.fast = model, tokens, robot, fast
        vision = model.vlm.native.config.vision_config
        rule = CropRule(size_px=vision.image_size[0], patch_px=vision.patch_size, cropped=False)
        self._prompts = Molmo2Prompts(tokens, rule)
        self._memory: DepthMemory | None = None

    @property
    def horizon(self) -> int:
        """Steps the flow generates."""
        longest = self.model.config.max_action_horizon
        wanted = self.robot.horizon or longest
        if wanted > longest:
            raise CheckpointError(f"'{self.robot.tag}' wants {wanted} steps, the checkpoint makes {longest}.")
        return wanted

    @property
    def dim(self) -> int:
        """Action dimensions in use."""
        return self.robot.action_dim or self.model.config.max_action_dim

    def forget(self) -> None:
        """Drop the depth memory, as at the start of a new goal."""
        self._memory = None

    def prompt(self, task: str, state: npt.ArrayLike, images: int, *, depth: bool) -> str:
        """The literal prompt."""
        config = self.model.config
        return robot_prompt(
            task=clean_task(self.tokens.plain(task)),
            state=state_text(self.robot.normalise_state(state), config.state_tokens),
            setup=self.robot.setup,
            control=self.robot.control,
            images=images,
            depth=depth,
            setup_tokens=config.setup_tokens,
            control_tokens=config.control_tokens,
        )

    def act(
        self,
        images: Sequence[Uint8Image],
        task: str,
        state: npt.ArrayLike,
        *,
        deadline_s: float,
        seed: int = 0,
        steps: int | None = None,
        depth: bool = False,
        discrete: bool = False,
        guidance: Guidance | None = None,
    ) -> ActedChunk:
        """Decide the next chunk.

        Args:
            images: (H, W, 3) uint8 in the order of training.
            task: Instruction.
            state: Measured state in physical units.
            deadline_s: ``time.monotonic()`` value after which this gives up.
            seed: Of the noise; the same seed and inputs give the same chunk.
            steps: Euler steps, None for the checkpoint's own number.
            depth: Think before acting.
            discrete: Decode action tokens instead of the flow.
            guidance: Continue a running chunk; flow only.

        Raises:
            MolmoRosError: In words, for whatever does not fit or cannot be decoded.
        """
        started = time.monotonic()
        text = self.prompt(task, state, len(images), depth=depth)
        opened = self._prompts.images(images)
        inputs = self._prompts.inputs(opened, text.rpartition(IMAGE)[2]).to(self.model.device)
        prepared = time.monotonic()
        prefix = self.model.vlm.prefill(inputs)
        if depth:
            first = images[0]
            self.model.think(prefix, first, self._memory, deadline_s)
            self._memory = DepthMemory(image=first, bins=prefix.depth_bins)
        if discrete:
            if guidance is not None:
                raise NotSupportedError("A discrete chunk cannot continue a running one; use the continuous mode.")
            chunk = self._written(prefix, deadline_s)
        else:
            chunk = self._flowed(prefix, seed, steps, guidance)
        count = min(self.robot.action_steps or len(chunk), len(chunk))
        return ActedChunk(
            actions=self.robot.unnormalise_action(chunk[:count]),
            normalised=chunk,
            prompt=text,
            depth_bins=prefix.depth_bins,
            seconds={"preprocess": prepared - started, **prefix.seconds},
        )

    def _flowed(
        self, prefix: Prefix, seed: int, steps: int | None, guidance: Guidance | None
    ) -> npt.NDArray[np.float32]:
        sampler, config = self.model.sampler, self.model.config
        if sampler is None:
            raise CheckpointError("This checkpoint has no action expert; use the discrete mode.")
        started = time.monotonic()
        # The generator runs on the CPU in float32, so that a seed means the same noise on every device.
        noise = torch.randn(1, self.horizon, config.max_action_dim, generator=torch.Generator().manual_seed(seed)).to(
            self.model.device
        )
        with torch.inference_mode():
            chunk = sampler.sample(
                noise,
                self.model.expert_context(prefix),
                steps=steps or config.flow_steps,
                action_dim=self.dim,
                guidance=guidance,
            )
            made = np.asarray(chunk[0, :, : self.dim].float().cpu().numpy(), dtype=np.float32)
        prefix.seconds["flow"] = time.monotonic() - started
        return made

    def _written(self, prefix: Prefix, deadline_s: float) -> npt.NDArray[np.float32]:
        config = self.model.config
        if self.fast is None or config.action_start_id is None or config.action_first_id is None:
            raise CheckpointError("The discrete mode needs action_tokenizer: the folder of MolmoAct2-FAST-Tokenizer.")
        ids = self.model.write_actions(prefix, self.horizon, deadline_s)
        bins = token_bins(
            ids,
            start_id=config.action_start_id,
            end_id=config.action_end_id or -1,
            first_id=config.action_first_id,
            count=config.action_tokens,
        )
        return np.asarray(self.fast.decode(bins, horizon=self.horizon, dim=self.dim), dtype=np.float32)


class MolmoAct2Backend(CheckpointModel[MolmoAct2Engine]):
    """MolmoAct2 as a policy.

    Options: ``norm_tag`` (required), ``mode`` ("continuous" or "discrete"), ``depth``, ``steps``, ``seed``,
    ``dt_s``, ``action_tokenizer`` (folder or published name, for the discrete mode).
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        self._contract = context.get("contract")
        mode = str(spec.options.get("mode", "continuous"))
        if mode not in MODES:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"molmoact2: mode must be one of {', '.join(MODES)}.")
        if not spec.options.get("norm_tag"):
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "molmoact2: name the robot with norm_tag, e.g. franka_droid.")
        self._discrete = mode == "discrete"
        self._depth = bool(spec.options.get("depth", False))
        self._steps = None if "steps" not in spec.options else int(self.number("steps", 10))
        self._dt_s = self.number("dt_s", getattr(self._contract, "dt_s", 0.0) or 1 / 15)
        self._sequence = 0
        self._last: npt.NDArray[np.float32] | None = None

    def load(self, checkpoint: Checkpoint, progress: Progress | None) -> MolmoAct2Engine:
        """Load model, tokenizer and statistics."""
        folder = Path(checkpoint.folder)
        robot = choose_tag(load_tags(folder / "norm_stats.json"), str(self.spec.options["norm_tag"]))
        fast = None
        if self._discrete:
            named = str(self.spec.options.get("action_tokenizer", ""))
            fast = load_fast(locate(named, download=False))
        model = load_molmoact2(
            checkpoint, device=self.spec.device, dtype=torch_dtype(self.spec.dtype), progress=progress
        )
        return MolmoAct2Engine(model, Tokens.load(folder), robot, fast)

    def warm_up(self) -> None:
        """Load, capture and act once on a grey picture."""
        with self._lock:
            engine = self.engine
            grey = np.full((240, 320, 3), 128, dtype=np.uint8)
            state = np.zeros(engine.robot.state_dim or 1, dtype=np.float32)
            cameras = max(1, len(engine.robot.cameras))
            if self._discrete:
                return
            engine.act([grey] * cameras, "move", state, deadline_s=time.monotonic() + 600, steps=self._steps)

    def start(self) -> None:
        """Forget the depth memory and the running chunk, as at the start of a goal."""
        with self._lock:
            self._last = None
            if self._engine is not None:
                self._engine.forget()

    def _state(self, engine: MolmoAct2Engine, observation: Observation) -> npt.NDArray[np.float32]:
        """Measured joints in the model's order; the gripper from 0 (open) to 1 (closed) unless the contract differs."""
        names = tuple(getattr(self._contract, "state_names", ()) or engine.robot.state_names)
        if not names:
            raise InputError(f"The contract does not name the state of '{engine.robot.tag}'; add state_names.")
        gripper = getattr(self._contract, "gripper", None)
        values = []
        for name in names:
            if "gripper" in name and name not in observation.joints.names:
                opened, closed = (gripper.open_value, gripper.closed_value) if gripper else (0.0, 1.0)
                share = observation.gripper_width_m / (gripper.max_width_m if gripper else 0.08)
                values.append(closed + (opened - closed) * min(max(share, 0.0), 1.0))
            else:
                values.append(float(observation.joints.select((name,))[0]))
        return np.asarray(values, dtype=np.float32)

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """Decide the next chunk afresh."""
        return self._decide(observation, instruction, None)

    def act_continuing(
        self, observation: Observation, instruction: str, *, executed: int, delay: int
    ) -> tuple[Thought, ActionChunk | None]:
        """Decide the next chunk so that it continues the last one.

        Args:
            observation: What is seen now.
            instruction: The task.
            executed: Steps of the last chunk that were executed when the observation was taken.
            delay: Steps that will be executed until the new chunk is there.
        """
        with self._lock:
            rest = None if self._last is None else self._last[max(executed, 0) :]
        if rest is None or len(rest) == 0:
            return self._decide(observation, instruction, None)
        guidance = Guidance(
            previous=torch.from_numpy(np.ascontiguousarray(rest)), inference_delay=delay, execution_horizon=len(rest)
        )
        return self._decide(observation, instruction, guidance)

    def _decide(
        self, observation: Observation, instruction: str, guidance: Guidance | None
    ) -> tuple[Thought, ActionChunk | None]:
        started = time.monotonic()
        try:
            with self._lock:
                engine = self.engine
                self._sequence += 1
                made = engine.act(
                    [np.asarray(image) for image in observation.images.values()],
                    instruction,
                    self._state(engine, observation),
                    deadline_s=self.deadline(),
                    seed=int(self.spec.options.get("seed", 0)) + self._sequence,
                    steps=self._steps,
                    depth=self._depth,
                    discrete=self._discrete,
                    guidance=guidance,
                )
                self._last = made.normalised
                names = tuple(getattr(self._contract, "action_names", ()) or engine.robot.action_names)
                if len(names) != made.actions.shape[1]:
                    names = tuple(f"a{i}" for i in range(made.actions.shape[1]))
                chunk = ActionChunk(
                    names=names,
                    values=made.actions.astype(np.float64),
                    kind=getattr(self._contract, "action_kind", None) or ActionKind.JOINT_POSITION,
                    dt_s=self._dt_s,
                    observation_stamp_ns=observation.stamp_ns,
                    sequence=self._sequence,
                )
        except MolmoRosError as error:
            return self.refusal(instruction, "", started, error), None
        parts = {"actions": chunk.values, "depth_tokens": made.depth_bins}
        return self.thought(made.prompt, "", started, made.seconds, **parts), chunk


def build(spec: ModelSpec, context: dict[str, Any]) -> MolmoAct2Backend:
    """Build the backend for the registry."""
    return MolmoAct2Backend(spec, context)

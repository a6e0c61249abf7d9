"""The ``graspmolmo`` backend: the grasp point for a task. Matching it to a grasp lies with ``molmo_ros.grasping``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame, Thought
from molmo_ros.models.base import CheckpointModel, torch_dtype
from molmo_ros.models.grammars.pointing import Dialect, read_pointing, require_points
from molmo_ros.models.images import CropRule, Uint8Image
from molmo_ros.models.molmo_v1.letterbox import letterbox
from molmo_ros.models.molmo_v1.loader import load_v1
from molmo_ros.models.molmo_v1.model import Generation, MolmoV1Model, PromptTensors
from molmo_ros.models.molmo_v1.prompting import ImageMarks, bos_id, prompt_ids
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.tokens import Tokens
from molmo_ros.models.weights import Checkpoint, Progress

PROMPT = "Point to the grasp that would accomplish the following task: {task}"


@dataclass(frozen=True, kw_only=True)
class GraspMolmoEngine:
    """Model, tokenizer and image rule of one checkpoint."""

    model: MolmoV1Model
    tokens: Tokens
    marks: ImageMarks
    rule: CropRule

    def prompt(self, image: Uint8Image, text: str) -> PromptTensors:
        """Tokens and pixels of one prompt."""
        prepared = letterbox(image, self.rule)
        ids = prompt_ids(self.tokens, self.marks, [prepared.grids], text, numbered=False, spaced=True)
        made = PromptTensors(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            images=torch.from_numpy(prepared.patches)[None],
            pooling=torch.from_numpy(np.ascontiguousarray(prepared.pooling))[None],
            image_masks=torch.from_numpy(prepared.masks)[None],
        )
        return made.to(self.model.device)


def load_engine(
    checkpoint: Checkpoint, *, device: str, dtype: torch.dtype, quantise_to: str = "", progress: Progress | None = None
) -> GraspMolmoEngine:
    """Load a GraspMolmo or Molmo v1 checkpoint folder."""
    from molmo_ros.models.quantise import quantise

    tokens = Tokens.load(Path(checkpoint.folder))
    model = load_v1(checkpoint, device=device, dtype=dtype, progress=progress)
    quantise(model, quantise_to)
    vit = model.config.vit
    rule = CropRule(size_px=vit.image_default_input_size[0], patch_px=vit.image_patch_size, max_crops=12)
    return GraspMolmoEngine(model=model, tokens=tokens, marks=ImageMarks.of(tokens), rule=rule)


class GraspMolmoModel(CheckpointModel[GraspMolmoEngine]):
    """GraspMolmo as a pointer.

    Options: ``prompt`` (with ``{task}``), ``prefix`` (before it, empty as on the model card), ``max_new_tokens``.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        self._template = str(spec.options.get("prefix", "")) + str(spec.options.get("prompt", PROMPT))
        if "{task}" not in self._template:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "graspmolmo: the prompt needs a {task}.")
        self._limit = int(self.number("max_new_tokens", 256))

    def load(self, checkpoint: Checkpoint, progress: Progress | None) -> GraspMolmoEngine:
        """Load model and tokenizer."""
        return load_engine(
            checkpoint,
            device=self.spec.device,
            dtype=torch_dtype(self.spec.dtype),
            quantise_to=str(self.spec.options.get("quantise", "")),
            progress=progress,
        )

    def warm_up(self) -> None:
        """Load and answer once about a grey picture."""
        with self._lock:
            self._ask(np.full((240, 320, 3), 128, dtype=np.uint8), "move", limit=4, deadline_s=time.monotonic() + 600)

    def _ask(self, image: Uint8Image, text: str, *, limit: int, deadline_s: float) -> tuple[str, Generation, str]:
        engine = self.engine
        task = engine.tokens.plain(" ".join(text.split()))
        prompt = self._template.replace("{task}", task)
        stops = frozenset({bos_id(engine.tokens)})
        made = engine.model.generate(
            engine.prompt(image, prompt), max_new_tokens=limit, stop_ids=stops, deadline_s=deadline_s
        )
        written = engine.tokens.decode([i for i in made.ids[0].tolist() if i not in stops])
        return prompt, made, written

    def point(self, frame: Frame, text: str) -> Thought:
        """Point to where the thing should be grasped for the task."""
        started, prompt, written, phases = time.monotonic(), text, "", {}
        try:
            with self._lock:
                prompt, made, written = self._ask(frame.rgb, text, limit=self._limit, deadline_s=self.deadline())
            phases = made.seconds
            answer = read_pointing(written, [(frame.width_px, frame.height_px)], Dialect.GRASPMOLMO)
            require_points(answer)
        except MolmoRosError as error:
            return self.refusal(prompt, written, started, error, phases=phases)
        points = np.array([(mark.u, mark.v) for mark in answer.marks])
        return self.thought(prompt, written, started, phases, points_px=points)


def build(spec: ModelSpec, context: dict[str, Any]) -> GraspMolmoModel:
    """Build the backend for the registry."""
    return GraspMolmoModel(spec, context)

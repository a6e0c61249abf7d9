"""Integrates the action flow from noise to a chunk in a few Euler steps; on a GPU as one captured graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from molmo_ros.models.errors import InputError
from molmo_ros.models.molmoact2.expert import ActionExpert, ExpertContext, Modulation
from molmo_ros.models.molmoact2.rtc import Guidance, guided

MAX_GRAPHS = 8
# Contexts are padded to a multiple of this, so that prompts of nearly one length share a captured graph.
CONTEXT_STEP = 64


@dataclass(kw_only=True)
class FlowTrace:
    """What happened at each step, recorded when a caller asks for it."""

    trajectories: list[Tensor]
    velocities: list[Tensor]


class FlowSampler:
    """Runs one expert; keeps its modulations and, on a GPU, its captured graphs.

    Not safe for use from two threads at once.
    """

    def __init__(self, expert: ActionExpert, *, mask_padding: bool = True, use_graphs: bool = True) -> None:
        self.expert = expert
        self.mask_padding = mask_padding
        self.use_graphs = use_graphs
        self._modulations: dict[tuple[Any, ...], Modulation] = {}
        self._graphs: dict[tuple[Any, ...], _Graph] = {}

    def modulation(self, steps: int, batch: int, device: torch.device) -> Modulation:
        """Modulations of so many steps; computed once."""
        key = (steps, batch, device, self.expert.dtype)
        if key not in self._modulations:
            self._modulations = {key: self.expert.modulation(steps, batch, device)}
        return self._modulations[key]

    def sample(
        self,
        noise: Tensor,
        context: ExpertContext,
        *,
        steps: int,
        action_dim: int | None = None,
        guidance: Guidance | None = None,
        trace: FlowTrace | None = None,
    ) -> Tensor:
        """Integrate from noise to an action chunk.

        Args:
            noise: (B, horizon, max action dim) standard normal; drawn by the caller, so that a chunk can be repeated.
            context: Of one observation.
            steps: Euler steps.
            action_dim: Dimensions in use; the rest is held at zero. None for all.
            guidance: Continue a running chunk.
            trace: Receives every step; forces the plain path.

        Returns:
            (B, horizon, max action dim) normalised actions, in the expert's data type.

        Raises:
            InputError: Fewer than one step, or a width that does not fit.
        """
        if steps < 1:
            raise InputError(f"A flow needs at least one step, not {steps}.")
        if action_dim is not None and not 1 <= action_dim <= noise.shape[-1]:
            raise InputError(f"{action_dim} action dimensions do not fit a width of {noise.shape[-1]}.")
        start = noise.to(self.expert.dtype)
        used = action_dim if self.mask_padding and action_dim not in (None, noise.shape[-1]) else None
        modulation = self.modulation(steps, noise.shape[0], noise.device)
        if start.is_cuda and self.use_graphs and guidance is None and trace is None:
            return self._replay(start, context, modulation, used)
        return self._integrate(start, context, modulation, used, guidance, trace)

    def _integrate(
        self,
        trajectory: Tensor,
        context: ExpertContext,
        modulation: Modulation,
        used: int | None,
        guidance: Guidance | None = None,
        trace: FlowTrace | None = None,
    ) -> Tensor:
        rope = self.expert.rope(trajectory.shape[1], trajectory.device)
        keep = torch.ones(trajectory.shape[-1], device=trajectory.device, dtype=trajectory.dtype)
        if used is not None:
            keep[used:] = 0
        trajectory = trajectory * keep
        for step in range(modulation.steps):
            velocity = self.expert.velocity(trajectory, step, modulation, context, rope)
            if trace is not None:
                trace.trajectories.append(trajectory)
                trace.velocities.append(velocity)
            if guidance is not None:
                # Guidance counts time from action to noise and so sees the flow reversed.
                velocity = -guided(trajectory, -velocity * keep, 1.0 - step / modulation.steps, guidance)
            trajectory = (trajectory + velocity * keep / modulation.steps) * keep
        return trajectory

    def _replay(self, noise: Tensor, context: ExpertContext, modulation: Modulation, used: int | None) -> Tensor:
        padded = pad_context(context, CONTEXT_STEP)
        key = (tuple(noise.shape), padded.keys[0].shape[1], modulation.steps, used)
        if key not in self._graphs:
            if len(self._graphs) >= MAX_GRAPHS:
                self._graphs.pop(next(iter(self._graphs)))
            self._graphs[key] = _Graph(self, noise, padded, modulation, used)
        return self._graphs[key].run(noise, padded)


def pad_context(context: ExpertContext, step: int) -> ExpertContext:
    """Pad a context with tokens that nothing attends to, up to a multiple of ``step``."""
    batch, length = context.keys[0].shape[:2]
    extra = -length % step
    seen = context.visible
    if seen is None:
        seen = torch.ones(batch, 1, 1, length, dtype=torch.bool, device=context.keys[0].device)
    return ExpertContext(
        keys=tuple(functional.pad(key, (0, 0, 0, 0, 0, extra)) for key in context.keys),
        values=tuple(functional.pad(value, (0, 0, 0, 0, 0, extra)) for value in context.values),
        visible=functional.pad(seen, (0, extra), value=False),
    )


class _Graph:
    """One captured flow: fixed shapes, inputs copied into place, output copied out."""

    def __init__(
        self, sampler: FlowSampler, noise: Tensor, context: ExpertContext, modulation: Modulation, used: int | None
    ) -> None:
        self._noise = noise.clone()
        self._context = ExpertContext(
            keys=tuple(k.clone() for k in context.keys),
            values=tuple(v.clone() for v in context.values),
            visible=None if context.visible is None else context.visible.clone(),
        )
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                sampler._integrate(self._noise, self._context, modulation, used)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._result = sampler._integrate(self._noise, self._context, modulation, used)

    def run(self, noise: Tensor, context: ExpertContext) -> Tensor:
        """Replay with new inputs."""
        self._noise.copy_(noise)
        for mine, given in zip(self._context.keys + self._context.values, context.keys + context.values, strict=True):
            mine.copy_(given)
        if self._context.visible is not None and context.visible is not None:
            self._context.visible.copy_(context.visible)
        self._graph.replay()
        return self._result.clone()

"""Real-time chunking: guides a flow so that a new chunk continues the one that is being executed.

Formula of LeRobot 0.6.1 (``policies/rtc``), after "Real-Time Execution of Action Chunking Flow Policies"
(Physical Intelligence). Its gradient term equals the error itself, so plain tensor algebra gives the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from molmo_ros.models.errors import InputError

Schedule = Literal["ZEROS", "ONES", "LINEAR", "EXP"]


def prefix_weights(schedule: Schedule, start: int, end: int, total: int) -> Tensor:
    """How strongly each step of the new chunk is held to the old one.

    Args:
        schedule: Shape between ``start`` and ``end``.
        start: Steps that will have been executed before the new chunk arrives: weight 1.
        end: Steps from here on are free: weight 0.
        total: Length of the chunk.

    Returns:
        (total,) float32.
    """
    start = min(start, end)
    if schedule == "ZEROS":
        weights = torch.zeros(total)
        weights[:start] = 1.0
        return weights
    if schedule == "ONES":
        weights = torch.ones(total)
        weights[end:] = 0.0
        return weights
    between = total - max(total - end, 0) - start
    ramp = torch.linspace(1, 0, between + 2)[1:-1] if end > start and between > 0 else torch.zeros(0)
    if schedule == "EXP":
        ramp = ramp * torch.expm1(ramp) / (math.e - 1)
    leading = torch.ones(min(start, total))
    trailing = torch.zeros(max(total - end, 0))
    return torch.cat([leading, ramp, trailing])


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """What a new chunk should continue.

    Attributes:
        previous: (B, steps, dim) or (steps, dim) left-over of the running chunk, normalised, from the step that is
            current when the new chunk's observation was taken.
        inference_delay: Steps that pass until the new chunk is there.
        execution_horizon: Steps over which the old chunk still pulls; cut to the left-over's length.
        max_weight: Bound of the guidance.
        schedule: See :func:`prefix_weights`.
    """

    previous: Tensor
    inference_delay: int = 0
    execution_horizon: int = 10
    max_weight: float = 10.0
    schedule: Schedule = "LINEAR"

    def target(self, shape: torch.Size, device: torch.device) -> tuple[Tensor, Tensor]:
        """Left-over padded with zeros to a chunk of ``shape`` (B, T, D), and the weights (1, T, 1).

        Raises:
            InputError: The left-over is longer or wider than the chunk.
        """
        previous = self.previous if self.previous.dim() == 3 else self.previous[None]
        steps, dim = previous.shape[1:]
        if steps > shape[1] or dim > shape[2] or previous.shape[0] not in (1, shape[0]):
            raise InputError(f"A left-over of {tuple(previous.shape)} does not fit a chunk of {tuple(shape)}.")
        padded = torch.zeros(shape, device=device)
        padded[:, :steps, :dim] = previous.to(device)
        weights = prefix_weights(self.schedule, self.inference_delay, min(self.execution_horizon, steps), shape[1])
        return padded, weights.to(device)[None, :, None]

    def weight(self, time: float) -> float:
        """Strength of the guidance at ``time``, 1 = noise, 0 = action."""
        tau = 1.0 - time
        if time == 0.0:
            return 0.0
        if tau == 0.0:
            return self.max_weight
        spread = (time**2 + tau**2) / time**2
        return min(self.max_weight, time / tau * spread)


def guided(x: Tensor, velocity: Tensor, time: float, guidance: Guidance | None) -> Tensor:
    """Guide a velocity that points from action to noise.

    Args:
        x: (B, T, D) or (T, D) trajectory at ``time``.
        velocity: As the policy returns it, d x / d time with time 1 = noise.
        time: In 0..1.
        guidance: What to continue; None for a first chunk, which is left as it is.
    """
    if guidance is None:
        return velocity
    batched, flow = (x, velocity) if x.dim() == 3 else (x[None], velocity[None])
    target, weights = guidance.target(batched.shape, batched.device)
    error = (target - (batched - time * flow)) * weights
    result = (flow - guidance.weight(time) * error).to(velocity.dtype)
    return result if x.dim() == 3 else result[0]

"""Which tokens of a prompt the action expert may look at, and which are depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from molmo_ros.models.molmoact2.config import MolmoAct2Config


def hide_spans(ids: Sequence[int], start_id: int, end_id: int) -> list[bool]:
    """Hide ``start_id .. end_id`` spans.

    Every start claims the next end that no earlier start has claimed; without one, the rest of the text is hidden.

    Returns:
        Per token True where it may be seen.
    """
    visible = [True] * len(ids)
    ends = [index for index, token in enumerate(ids) if token == end_id]
    claimed = 0
    for start in (index for index, token in enumerate(ids) if token == start_id):
        while claimed < len(ends) and ends[claimed] < start:
            claimed += 1
        last = ends[claimed] if claimed < len(ends) else len(ids) - 1
        visible[start : last + 1] = [False] * (last + 1 - start)
        if claimed >= len(ends):
            break
        claimed += 1
    return visible


def encoder_mask(ids: Tensor, attention_mask: Tensor | None, config: MolmoAct2Config) -> Tensor:
    """Tokens the expert sees: no padding, no end-of-turn marks, no discrete action span.

    Args:
        ids: (B, T) token ids.
        attention_mask: (B, T) 1 for tokens, or None for all.
        config: Of the checkpoint.

    Returns:
        (B, T) bool.
    """
    mask = torch.ones_like(ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool().clone()
    if config.action_mode != "both":
        return mask
    mask &= ids != config.eos_id
    if config.action_start_id is not None and config.action_end_id is not None:
        rows = [hide_spans(row, config.action_start_id, config.action_end_id) for row in ids.tolist()]
        mask &= torch.tensor(rows, dtype=torch.bool, device=ids.device)
    return mask


def depth_mask(ids: Tensor, visible: Tensor, config: MolmoAct2Config) -> Tensor:
    """(B, T) bool, True at visible depth tokens and their marks."""
    marks = torch.tensor(config.depth_gate_ids, device=ids.device, dtype=ids.dtype)
    return torch.isin(ids, marks) & visible


def token_bins(ids: Sequence[int], *, start_id: int, end_id: int, first_id: int, count: int) -> list[int]:
    """Bins of the indexed tokens between the first start and the next end; missing marks are tolerated."""
    tokens = list(ids)
    begin, end = 0, len(tokens)
    if start_id in tokens:
        begin = tokens.index(start_id) + 1
        if end_id in tokens[begin:]:
            end = tokens.index(end_id, begin)
    return [token - first_id for token in tokens[begin:end] if first_id <= token < first_id + count]

"""The literal prompt of MolmoAct2: task clean-up, discrete state, setup and control mode.

Wording of github allenai/molmoact2, ``modeling_molmoact2.py``; golden texts hold every character of it.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

IMAGE = "<|image|>"
_SENTENCE_ENDS = ".,!?;:,…"
_CLOSERS = "\"'”’)]}"
_AROUND = "\"'`“”‘’[](){}"
_LABEL = re.compile(r"^(?:task|instruction|language[_ ]instruction|goal)\s*[:\-]\s*", re.IGNORECASE)
_PHRASE = re.compile(r"^(?:the\s+task\s+is\s+to|your\s+task\s+is\s+to)\s+", re.IGNORECASE)


def clean_task(text: str) -> str:
    """Bring an instruction into the form of the training data.

    Collapses whitespace, strips quotes and lead-ins, joins sentences by "; ", drops the final punctuation and
    lowers the case. Any full stop parts sentences: "move 0.5 m" becomes "move 0; 5 m".
    """
    cleaned = re.sub(r"\s+", " ", text).strip()
    before = ""
    while cleaned and cleaned != before:
        before = cleaned
        cleaned = cleaned.strip().strip(_AROUND).strip()
        for lead in (_LABEL, _PHRASE):
            cleaned = lead.sub("", cleaned, count=1).strip()
        cleaned = cleaned.rstrip(_SENTENCE_ENDS).rstrip()
        cleaned = cleaned.rstrip(_CLOSERS).rstrip()
        cleaned = cleaned.rstrip(_SENTENCE_ENDS).rstrip()
    sentences = [part.strip() for part in re.split(r"[.!?]+", cleaned) if part.strip()]
    return ("; ".join(sentences) if len(sentences) > 1 else cleaned).lower()


def state_bins(normalised: npt.ArrayLike, count: int) -> list[int]:
    """Bins 0..count-1 of a state in [-1, 1]."""
    state = np.nan_to_num(np.asarray(normalised, dtype=np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    scaled = (np.clip(state, -1.0, 1.0) + 1.0) / 2.0 * float(count - 1)
    bins = np.clip(np.rint(scaled).astype(np.int64), 0, count - 1)
    return [int(value) for value in bins.reshape(-1)]


def state_text(normalised: npt.ArrayLike | None, count: int) -> str:
    """Write a normalised state as tokens; None gives no text."""
    if normalised is None:
        return ""
    return "<state_start>" + "".join(f"<state_{b}>" for b in state_bins(normalised, count)) + "<state_end>"


def _wrapped(text: str, kind: str, wanted: bool) -> str:
    start, end = f"<{kind}_start>", f"<{kind}_end>"
    if not text or not wanted or (text.startswith(start) and text.endswith(end)):
        return text
    return f"{start}{text}{end}"


def robot_prompt(
    *,
    task: str,
    state: str,
    setup: str,
    control: str,
    images: int,
    depth: bool = False,
    setup_tokens: bool = True,
    control_tokens: bool = True,
) -> str:
    """Write the whole prompt up to the point where the model goes on.

    Args:
        task: Cleaned instruction.
        state: From :func:`state_text`.
        setup: Setup text of the robot tag.
        control: Control mode of the robot tag.
        images: Number of images.
        depth: Ask a Think checkpoint for the depth map first.
        setup_tokens: Mark the setup with tokens.
        control_tokens: Mark the control mode with tokens.
    """
    known = f" The current state of the robot is {state}." if state else ""
    question = "what action should the robot take to complete the task?"
    if depth:
        question = (
            "first predict the depth map of the main image and then predict the action the robot should take "
            "to complete the task?"
        )
    text = (
        f"The task is to {task}. The setup is {_wrapped(setup, 'setup', setup_tokens)}.{known} "
        f"The expected control mode is {_wrapped(control, 'control', control_tokens)}. Given these, {question}"
    )
    shown = IMAGE if images == 1 else "".join(f"Image {i + 1}{IMAGE}" for i in range(images))
    trigger = "<depth_output><action_output>" if depth else "<action_output>"
    return f"{shown}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n{trigger}"

"""The ``openai`` backend: points and text of Molmo models behind any OpenAI-compatible server, such as vLLM."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame, Thought
from molmo_ros.models.codecs.arrays import Limits
from molmo_ros.models.grammars.pointing import Dialect, read_pointing, require_points
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.servers.address import address
from molmo_ros.models.servers.http import Requests
from molmo_ros.models.servers.remote import RemoteModel

POINT = "Point to {label}\nPlease say 'There are none.' if it is not in the image."
MAX_ANSWER = 100_000


def data_url(rgb: npt.NDArray[np.uint8]) -> str:
    """An (H, W, 3) image as a PNG data URL: without loss, so that a point means the same pixel on both sides."""
    done, encoded = cv2.imencode(
        ".png", cv2.cvtColor(np.asarray(rgb), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1]
    )
    if not done:
        raise MolmoRosError(ErrorCode.INTERNAL, "The image could not be encoded as PNG.")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


class OpenAiModel(RemoteModel):
    """A Molmo model as a pointer, and for free questions.

    Options: ``url`` (up to and including ``/v1``), ``grammar`` ("molmo2", "molmo1" or "graspmolmo"), ``prompt`` (with
    ``{label}``), ``max_new_tokens``, ``deadline_s``, ``token_env``, ``trusted_network``. ``checkpoint`` is the model's
    name on the server.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        if not spec.checkpoint:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "openai: name the served model with checkpoint.")
        try:
            self._grammar = Dialect(str(spec.options.get("grammar", "molmo2")))
        except ValueError as error:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f"openai: grammar must be one of {', '.join(Dialect)}."
            ) from error
        self._template = str(spec.options.get("prompt", POINT))
        self._limit = int(self.number("max_new_tokens", 448))
        where = address(spec.options, "http://127.0.0.1:8000/v1", ("http", "https"))
        self._requests = Requests(where, self.backoff, Limits(bytes=4 * 2**20, items=20_000))

    def warm_up(self) -> None:
        """Asks once about a small grey image."""
        self.ask([np.full((64, 64, 3), 128, dtype=np.uint8)], "Hello", max_new_tokens=1)

    def ask(self, images: Sequence[npt.NDArray[np.uint8]], text: str, *, max_new_tokens: int | None = None) -> str:
        """The answer to a question about images.

        Raises:
            MolmoRosError: MODEL_UNAVAILABLE, MODEL_TIMEOUT, MODEL_REFUSED, MODEL_ANSWER_INVALID, PAYLOAD_INVALID.
        """
        content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": data_url(rgb)}} for rgb in images]
        content.append({"type": "text", "text": text})
        body = {
            "model": self.spec.checkpoint,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": max_new_tokens or self._limit,
            "temperature": 0.0,
        }
        with self.lock:
            reply = self._requests.post("/chat/completions", body, time.monotonic() + self.deadline_s)
        return _answer(reply)

    def point(self, frame: Frame, text: str) -> Thought:
        """Points at what a phrase names."""
        started, raw = time.monotonic(), ""
        prompt = self._template.replace("{label}", " ".join(text.split()))
        try:
            raw = self.ask([frame.rgb], prompt)
            answer = read_pointing(raw, [(frame.width_px, frame.height_px)], self._grammar)
            require_points(answer)
        except MolmoRosError as error:
            return self.refusal(prompt, raw, started, error)
        points = np.array([(mark.u, mark.v) for mark in answer.marks])
        return self.thought(prompt, raw, started, {}, points_px=points)

    def close(self) -> None:
        """Closes the connection."""
        self._requests.close()


def _answer(reply: Any) -> str:
    choices = reply.get("choices") if isinstance(reply, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, str) or len(content) > MAX_ANSWER:
        raise MolmoRosError(ErrorCode.MODEL_ANSWER_INVALID, "The server's answer holds no text.")
    return content


def build(spec: ModelSpec, context: dict[str, Any]) -> OpenAiModel:
    """Build the backend for the registry."""
    return OpenAiModel(spec, context)

"""The door: every call has a deadline, a warm-up before the first, and its timing in the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from molmo_ros.core.errors import ErrorCode, MolmoRosError

T = TypeVar("T")


class Door:
    """Runs one model's calls on its own thread, one at a time, each with a deadline.

    A call that outlives its deadline is abandoned: its answer is thrown away when it comes. Until then the model is
    busy, and further calls are refused at once instead of queueing behind it.

    Args:
        name: Name for messages and the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._busy_since: float | None = None

    @property
    def busy(self) -> bool:
        """Whether an earlier call is still under way."""
        return self._busy_since is not None

    def call(self, function: Callable[[], T], deadline_s: float, cancelled: Callable[[], bool] | None = None) -> T:
        """The function's value, or a named fault.

        Args:
            function: The model call.
            deadline_s: How long an answer is of use [s].
            cancelled: Asked every 20 ms; true gives up early.

        Raises:
            MolmoRosError: MODEL_TIMEOUT past the deadline, CANCELED when given up, BUSY while an earlier call runs,
                INTERNAL for an unexpected failure inside the model.
        """
        with self._lock:
            if self._busy_since is not None:
                waited = time.monotonic() - self._busy_since
                raise MolmoRosError(ErrorCode.BUSY, f"{self._name} still works on a call of {waited:.1f} s ago.")
            self._busy_since = time.monotonic()
        future: Future[T] = Future()
        threading.Thread(target=self._run, args=(function, future), name=f"model {self._name}", daemon=True).start()
        end = time.monotonic() + deadline_s
        while True:
            try:
                return future.result(timeout=min(0.02, max(end - time.monotonic(), 0.0)) if cancelled else deadline_s)
            except TimeoutError:
                if future.done():
                    raise
                if cancelled is not None and cancelled():
                    raise MolmoRosError(ErrorCode.CANCELED, f"The question to {self._name} was called off.") from None
                if time.monotonic() >= end:
                    raise MolmoRosError(
                        ErrorCode.MODEL_TIMEOUT, f"{self._name} gave no answer within {deadline_s:.1f} s."
                    ) from None

    def _run(self, function: Callable[[], T], future: Future[T]) -> None:
        try:
            value = function()
        except MolmoRosError as error:
            self._busy_since = None
            future.set_exception(error)
        except Exception as error:
            self._busy_since = None
            future.set_exception(
                MolmoRosError(ErrorCode.INTERNAL, f"{self._name} failed: {type(error).__name__}: {error}")
            )
        else:
            self._busy_since = None
            future.set_result(value)

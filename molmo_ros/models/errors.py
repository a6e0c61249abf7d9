"""Named faults of the models: loading, unreadable answers, rejected actions, missed deadlines."""

from __future__ import annotations

from molmo_ros.core.errors import ErrorCode, MolmoRosError


class CheckpointError(MolmoRosError):
    """A checkpoint is missing, incomplete, of another layout, or not the pinned one."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.MODEL_LOAD_FAILED, message)


class AnswerError(MolmoRosError):
    """The model's text does not hold what was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.MODEL_ANSWER_INVALID, message)


class RefusalError(MolmoRosError):
    """The model says that what was asked for is not there."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.MODEL_REFUSED, message)


class ActionRejectedError(MolmoRosError):
    """A well-formed action that must not be executed."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.ACTION_REJECTED, message)


class NotSupportedError(MolmoRosError):
    """The family cannot do what was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.NOT_SUPPORTED, message)


class DeadlineError(MolmoRosError):
    """The answer was not ready in time."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.MODEL_TIMEOUT, message)


class InputError(MolmoRosError):
    """What was handed to a model is not what it takes."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.PAYLOAD_INVALID, message)

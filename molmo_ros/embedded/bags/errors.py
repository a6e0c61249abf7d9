"""What can go wrong with a bag."""

from __future__ import annotations

from molmo_ros.core.errors import ErrorCode, MolmoRosError


class BagError(MolmoRosError, RuntimeError):
    """A bag cannot be read, written, played or converted.

    It is a ``RuntimeError`` too, which is what users of ``rosbag2_py`` catch.

    Args:
        message: One sentence that says what to do.
        code: The named outcome.
    """

    def __init__(self, message: str, code: ErrorCode = ErrorCode.BAG_INVALID) -> None:
        super().__init__(code, message)


class RecordingError(BagError):
    """Messages can no longer be written, for instance because the disk is full."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ErrorCode.RECORDING_FAILED)

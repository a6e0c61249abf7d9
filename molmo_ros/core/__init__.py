"""Frozen data types, error codes and geometry shared by every part. Imports numpy alone."""

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError
from molmo_ros.core.types import (
    ActionChunk,
    ActionKind,
    Author,
    Frame,
    Grasp,
    GraspStatus,
    Thought,
    Trace,
)

__all__ = [
    "ActionChunk",
    "ActionKind",
    "Author",
    "ErrorCode",
    "Frame",
    "Grasp",
    "GraspStatus",
    "MissingDependencyError",
    "MolmoRosError",
    "Thought",
    "Trace",
]

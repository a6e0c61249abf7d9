"""Named outcomes: one code and one sentence for everything that can go wrong.

The numbers are those of ``molmo_ros_interfaces/msg/ErrorCode.msg``; a test holds the two together.
"""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """A named outcome.

    Ranges: 1xx goal, 2xx sensing, 3xx models, 4xx grasps, 5xx motion, 6xx robot, 7xx outcome, 9xx system.
    """

    NONE = 0
    INSTRUCTION_EMPTY = 100
    INSTRUCTION_TOO_LONG = 101
    INSTRUCTION_NOT_UNDERSTOOD = 102
    SUPERSEDED = 103
    CANCELED = 104
    TIME_LIMIT = 105
    NOT_CONFIRMED = 106
    STRATEGY_UNKNOWN = 107
    EDIT_INVALID = 108
    EDIT_STALE = 109
    BUSY = 110
    CAMERA_LOST = 200
    CAMERA_STALE = 201
    CAMERA_INFO_INVALID = 202
    DEPTH_INVALID = 203
    DEPTH_UNITS = 204
    TRANSFORM_MISSING = 205
    TRANSFORM_STALE = 206
    NO_SUPPORT_PLANE = 207
    JOINT_STATES_LOST = 208
    JOINT_STATES_INVALID = 209
    CLOCK_JUMPED = 210
    NOT_GROUNDED = 300
    AMBIGUOUS = 301
    MODEL_TIMEOUT = 302
    MODEL_UNAVAILABLE = 303
    MODEL_ANSWER_INVALID = 304
    MODEL_REFUSED = 305
    MODEL_LOAD_FAILED = 306
    CONTRACT_MISMATCH = 307
    NOT_SUPPORTED = 308
    REPLAY_MISSING = 309
    ACTION_REJECTED = 310
    PAYLOAD_INVALID = 311
    NO_GRASP = 400
    GRASP_TOO_WIDE = 401
    GRASP_UNREACHABLE = 402
    GRASP_IN_COLLISION = 403
    GRASP_PART_UNREACHABLE = 404
    GRASP_SLIPPED = 405
    GRASP_MISSED = 406
    IK_FAILED = 500
    PLANNING_FAILED = 501
    TARGET_UNREACHABLE = 502
    TARGET_BELOW_SUPPORT = 503
    TRACE_INVALID = 504
    TRACE_NOT_LIFTED = 505
    GATE_NOT_FINITE = 520
    GATE_POSITION = 521
    GATE_VELOCITY = 522
    GATE_ACCELERATION = 523
    GATE_JERK = 524
    GATE_WORKSPACE = 525
    GATE_SELF_COLLISION = 526
    GATE_SCENE_COLLISION = 527
    GATE_STEP = 528
    GATE_STALE = 529
    GATE_NAMES = 530
    DRIVER_UNAVAILABLE = 600
    DRIVER_REJECTED = 601
    TRACKING_ERROR = 602
    STOPPED = 603
    NOT_ARMED = 604
    REFLEX = 605
    COMMANDER_CONFLICT = 606
    COMMANDER_LOST = 607
    GRIPPER_FAILED = 608
    CHUNK_STALE = 609
    VERIFICATION_FAILED = 700
    RETRIES_EXHAUSTED = 701
    RECORDING_FAILED = 710
    BAG_INVALID = 711
    CONFIG_INVALID = 900
    DEPENDENCY_MISSING = 901
    LAUNCH_INVALID = 902
    PORT_TAKEN = 903
    INTERNAL = 999


class MolmoRosError(Exception):
    """An expected fault: a code, and one sentence that says what happened and what to do.

    Args:
        code: The named outcome.
        message: One sentence for the person in front of the robot.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class MissingDependencyError(MolmoRosError):
    """An optional library is not installed.

    Args:
        library: Import name of the library.
        extra: The extra of this package that brings it.
    """

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            ErrorCode.DEPENDENCY_MISSING,
            f"{library} is not installed; install it with: pip install 'molmo_ros[{extra}]'",
        )

"""What a policy sees, gathered from the graph: the contract's cameras, the joints, the gripper, the base."""

from __future__ import annotations

import threading
import time

import numpy as np
from cv_bridge import CvBridge
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from sensor_msgs.msg import JointState as JointStateMsg
from tf2_ros import Buffer, TransformException, TransformListener

from molmo_ros.core.contract import EmbodimentContract, compare
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.models.protocols import Observation
from molmo_ros.nodes import convert
from molmo_ros.nodes.qos import SENSOR

FLAT = 1.0
"""Standard deviation below which an image shows nothing (MolmoBot's own test of its cameras)."""


class PolicyInputs:
    """The newest of everything that a contract names.

    Args:
        node: Node that listens.
        contract: What the policy expects.
        topics: Topic prefix of each camera of the contract; the camera's own name where it is absent.
        gripper_joints: Finger joints; the opening is their sum.
        camera_max_age_s: Oldest image that may be acted upon [s].
        joints_max_age_s: Oldest joint_states that may be acted upon [s].
        base_frame: The robot's base.
        odom_frame: Frame of the odometry; empty for a fixed robot.
    """

    def __init__(
        self,
        node: Node,
        contract: EmbodimentContract,
        *,
        topics: dict[str, str],
        gripper_joints: tuple[str, ...],
        camera_max_age_s: float,
        joints_max_age_s: float,
        base_frame: str,
        odom_frame: str,
    ) -> None:
        self._contract, self._fingers = contract, gripper_joints
        self._camera_age_s, self._joints_age_s = camera_max_age_s, joints_max_age_s
        self._frames = (odom_frame, base_frame)
        self._bridge = CvBridge()
        self._lock = threading.Lock()
        self._images: dict[str, tuple[Image, float]] = {}
        self._infos: dict[str, CameraInfo] = {}
        self._joints: tuple[JointStateMsg, float] | None = None
        self._buffer = Buffer(node=node) if odom_frame else None
        self._listener = TransformListener(self._buffer, node, spin_thread=False) if self._buffer is not None else None
        group = ReentrantCallbackGroup()
        for camera in contract.cameras:
            prefix = topics.get(camera.name, camera.name)
            node.create_subscription(
                Image,
                f"{prefix}/color/image_raw",
                lambda message, name=camera.name: self._on_image(name, message),
                SENSOR,
                callback_group=group,
            )
            node.create_subscription(
                CameraInfo,
                f"{prefix}/color/camera_info",
                lambda message, name=camera.name: self._on_info(name, message),
                SENSOR,
                callback_group=group,
            )
        node.create_subscription(JointStateMsg, "joint_states", self._on_joints, SENSOR, callback_group=group)

    def _on_image(self, name: str, message: Image) -> None:
        with self._lock:
            self._images[name] = (message, time.monotonic())

    def _on_info(self, name: str, message: CameraInfo) -> None:
        with self._lock:
            self._infos[name] = message

    def _on_joints(self, message: JointStateMsg) -> None:
        with self._lock:
            self._joints = (message, time.monotonic())

    @property
    def complete(self) -> bool:
        """Whether everything that a mismatch could show in has come once."""
        return self._joints is not None and all(camera.name in self._infos for camera in self._contract.cameras)

    @property
    def missing(self) -> list[str]:
        """What has not come yet."""
        absent = [f"camera {c.name}" for c in self._contract.cameras if c.name not in self._infos]
        return absent + ([] if self._joints is not None else ["joint_states"])

    def mismatches(self, *, crop: bool) -> list[str]:
        """Every way in which what comes differs from the contract, one sentence each.

        Args:
            crop: Images are cut to the contract's aspect ratio, so that alone is no mismatch.
        """
        cameras = {}
        for want in self._contract.cameras:
            info = self._infos.get(want.name)
            if info is None:
                continue
            try:
                K = convert.camera_matrix(info)
            except MolmoRosError as error:
                return [f"{want.name}: {error.message}"]
            width, height = int(info.width), int(info.height)
            if crop:
                # Of a wider image the sides are cut off, of a taller one top and bottom.
                width, height = (
                    min(width, round(height * want.width_px / want.height_px)),
                    min(height, round(width * want.height_px / want.width_px)),
                )
                same = abs(width * want.height_px - height * want.width_px) < max(width, height)
                width, height = (want.width_px, want.height_px) if same else (width, height)
                K = K * (width / min(int(info.width), round(int(info.height) * want.width_px / want.height_px)))
            cameras[want.name] = (width, height, K)
        names = tuple(self._joints[0].name) if self._joints is not None else None
        return compare(self._contract, joint_state_names=names, cameras=cameras)

    def observation(self) -> Observation:
        """Everything now.

        Raises:
            MolmoRosError: CAMERA_LOST, CAMERA_STALE, JOINT_STATES_LOST, JOINT_STATES_INVALID, TRANSFORM_MISSING.
        """
        now = time.monotonic()
        with self._lock:
            images, joints = dict(self._images), self._joints
        if joints is None or now - joints[1] > self._joints_age_s:
            raise MolmoRosError(
                ErrorCode.JOINT_STATES_LOST, "joint_states has stopped coming; is the robot driver running?"
            )
        state = convert.joint_state_from(joints[0])
        stamps, pictures = [state.stamp_ns], {}
        for camera in self._contract.cameras:
            found = images.get(camera.name)
            if found is None:
                raise MolmoRosError(
                    ErrorCode.CAMERA_LOST, f"No image has come from {camera.name}; is its driver running?"
                )
            if now - found[1] > self._camera_age_s:
                raise MolmoRosError(
                    ErrorCode.CAMERA_STALE, f"The newest image of {camera.name} is {now - found[1]:.1f} s old."
                )
            picture = self._bridge.imgmsg_to_cv2(found[0], desired_encoding="rgb8")
            if float(np.std(picture[::8, ::8])) < FLAT:
                raise MolmoRosError(ErrorCode.CAMERA_LOST, f"{camera.name} shows one colour only; is its lens covered?")
            pictures[camera.name] = np.asarray(picture)
            stamps.append(convert.stamp_ns(found[0].header.stamp))
        return Observation(
            images=pictures,
            joints=state,
            gripper_width_m=self._opening(state),
            stamp_ns=min(stamps),
            T_odom_base=self._base(),
        )

    def _opening(self, state: JointState) -> float:
        known = tuple(f for f in self._fingers if f in state.names)
        return float(np.sum(state.select(known))) if known else 0.0

    def _base(self) -> np.ndarray | None:
        if self._buffer is None:
            return None
        try:
            return convert.transform_matrix(self._buffer.lookup_transform(*self._frames, Time()))
        except TransformException as error:
            raise MolmoRosError(
                ErrorCode.TRANSFORM_MISSING, f"Nobody says where {self._frames[1]} is in {self._frames[0]}: {error}"
            ) from error

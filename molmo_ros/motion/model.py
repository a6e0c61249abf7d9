"""The robot's kinematics: Pinocchio for one configuration, `SerialChain` for many, and inverse kinematics."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import Array, invert, is_transform
from molmo_ros.motion.chain import SerialChain
from molmo_ros.motion.description import RobotConfig, load_robot
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.ik import STARTS, IKBatch, IKSolver
from molmo_ros.motion.limits import JointLimits

IK_MARGIN = 0.03
FAST_STEPS = 25


class RobotModel:
    """Kinematics and limits of the joints that are planned for. Safe to share between threads.

    Args:
        urdf: URDF text.
        limits: The planned joints, in order, and their limits.
        base_frame: Frame of every Cartesian quantity.
        tcp_frame: Tool frame: +z approach, +y closing.
        others: Positions of joints that are not planned (e.g. fingers); 0 where not named.

    Raises:
        MolmoRosError: CONFIG_INVALID when the URDF lacks a joint or frame.
    """

    def __init__(
        self,
        urdf: str,
        *,
        limits: JointLimits,
        base_frame: str,
        tcp_frame: str,
        others: Mapping[str, float] | None = None,
    ) -> None:
        import pinocchio as pin

        self._pin = pin
        self.urdf = urdf
        self.limits = limits
        self.names = limits.names
        self.base_frame = base_frame
        self.tcp_frame = tcp_frame
        self.model = pin.buildModelFromXML(urdf)
        for joint in self.names:
            if not self.model.existJointName(joint):
                raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the URDF has no joint {joint}")
        for frame in (base_frame, tcp_frame):
            if not self.model.existFrame(frame):
                raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the URDF has no link {frame}")
        ids = [self.model.getJointId(joint) for joint in self.names]
        self._index = np.array([self.model.joints[i].idx_q for i in ids])
        self._v_index = np.array([self.model.joints[i].idx_v for i in ids])
        self._tcp = self.model.getFrameId(tcp_frame)
        self._base = self.model.getFrameId(base_frame)
        self._q = pin.neutral(self.model)
        for joint, position in (others or {}).items():
            self._q[self.model.joints[self.model.getJointId(joint)].idx_q] = position
        self._local = threading.local()
        data = self.model.createData()
        pin.framesForwardKinematics(self.model, data, self._q)
        self.T_base_root = invert(data.oMf[self._base].homogeneous)
        self._offset = None if np.array_equal(self.T_base_root, np.eye(4)) else self.T_base_root

    @classmethod
    def from_config(cls, config: RobotConfig) -> RobotModel:
        """The model of a described robot, its fingers fully open."""
        return cls(
            config.urdf_text,
            limits=config.limits,
            base_frame=config.base_frame,
            tcp_frame=config.tcp_frame,
            others=dict.fromkeys(config.gripper_joints, config.gripper_upper_m),
        )

    @property
    def data(self) -> Any:
        """Pinocchio's working memory of this thread."""
        if not hasattr(self._local, "data"):
            self._local.data = self.model.createData()
        return self._local.data

    def full(self, q: npt.NDArray[np.floating[Any]], others: Mapping[str, float] | None = None) -> Array:
        """The configuration of every joint of the URDF, planned ones at q (N,)."""
        out = self._q.copy()
        for joint, position in (others or {}).items():
            out[self.model.joints[self.model.getJointId(joint)].idx_q] = position
        out[self._index] = q
        return np.asarray(out, dtype=np.float64)

    def fk(self, q: npt.NDArray[np.floating[Any]], frame: str | None = None) -> Array:
        """Pose (4, 4) of the tool, or of another frame, in the base frame at joint positions q (N,)."""
        index = self._tcp if frame is None else self.model.getFrameId(frame)
        if index >= self.model.nframes:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the URDF has no link {frame}")
        data = self.data
        self._pin.forwardKinematics(self.model, data, self.full(q))
        return np.asarray(self.T_base_root @ self._pin.updateFramePlacement(self.model, data, index).homogeneous)

    def tool_position(self) -> tuple[float, ...]:
        """Tool position (x, y, z) in the base frame [m] at the configuration this thread checked or computed last."""
        point = self._pin.updateFramePlacement(self.model, self.data, self._tcp).translation
        if self._offset is not None:
            point = self._offset[:3, :3] @ point + self._offset[:3, 3]
        return tuple(point.tolist())

    def fk_batch(self, q: npt.NDArray[np.floating[Any]]) -> Array:
        """Tool poses (B, 4, 4) in the base frame at joint positions (B, N)."""
        return self.chain.poses(np.asarray(q, dtype=np.float64))

    def jacobian(self, q: npt.NDArray[np.floating[Any]]) -> Array:
        """(6, N): linear then angular velocity of the tool point, in the base frame, per joint velocity."""
        J = self._pin.computeFrameJacobian(
            self.model, self.data, self.full(q), self._tcp, self._pin.ReferenceFrame.LOCAL_WORLD_ALIGNED
        )[:, self._v_index]
        R = self.T_base_root[:3, :3]
        return np.vstack([R @ J[:3], R @ J[3:]])

    @cached_property
    def chain(self) -> SerialChain:
        """The planned joints as a chain from base to tool."""
        pin = self._pin
        ids = [self.model.getJointId(joint) for joint in self.names]
        axes, slides = [], []
        data = self.model.createData()
        reference = self._q.copy()
        reference[self._index] = 0.0
        pin.framesForwardKinematics(self.model, data, reference)
        frames = [self.T_base_root @ data.oMi[i].homogeneous for i in ids]
        placements = [frames[0], *(invert(a) @ b for a, b in zip(frames, frames[1:], strict=False))]
        placements.append(invert(frames[-1]) @ self.T_base_root @ data.oMf[self._tcp].homogeneous)
        for i in ids:
            motion = np.asarray(self.model.joints[i].createData().S).reshape(6, -1)[:, 0]
            sliding = not np.any(motion[3:])
            slides.append(sliding)
            axes.append(motion[:3] if sliding else motion[3:])
        return SerialChain(np.array(placements), np.array(axes), np.array(slides))

    @cached_property
    def solver(self) -> IKSolver:
        """Inverse kinematics of the tool."""
        return IKSolver(self.chain, self.limits.lower, self.limits.upper)

    def ik(
        self,
        T_base_tcp: npt.NDArray[np.floating[Any]],
        seed: npt.NDArray[np.floating[Any]],
        *,
        margin: float = IK_MARGIN,
        restarts: bool = True,
        flip: bool = False,
    ) -> Array:
        """Joint positions (N,) that put the tool at a pose, as near to the seed as was found.

        Args:
            T_base_tcp: (4, 4) wanted tool pose.
            seed: (N,) where to start, usually the measured positions.
            margin: Distance kept from every joint limit [rad].
            restarts: Whether to try other starts when the seed does not lead there.
            flip: Whether the pose turned by pi about its z (the same grasp for a parallel gripper) will do as well.

        Raises:
            PlanningError: TARGET_UNREACHABLE or IK_FAILED.
        """
        answers = self.ik_all(T_base_tcp, seed, margin=margin, restarts=restarts, flip=flip)
        return np.asarray(answers[0])

    def ik_all(
        self,
        T_base_tcp: npt.NDArray[np.floating[Any]],
        seed: npt.NDArray[np.floating[Any]],
        *,
        margin: float = IK_MARGIN,
        restarts: bool = True,
        flip: bool = False,
        every: bool = False,
    ) -> Array:
        """Like `ik`, but all solutions found (K, N), the nearest to the seed first; `every` looks from every start."""
        T = np.asarray(T_base_tcp, dtype=np.float64)
        if not is_transform(T):
            raise PlanningError(ErrorCode.TARGET_UNREACHABLE, "the wanted tool pose is not a finite rigid transform")
        start = np.asarray(seed, dtype=np.float64)
        targets = [T, T @ np.diag([-1.0, -1.0, 1.0, 1.0])] if flip else [T]
        found, nearest = self._attempts([(goal, start) for goal in targets], margin)
        if not found and not restarts:
            raise PlanningError(ErrorCode.IK_FAILED, "no joint positions near the present ones reach the wanted pose")
        if not found or every:
            table = [(goal, q) for goal in targets for q in self.solver.starts(goal, start, STARTS)]
            more, distance = self._attempts(table, margin, limit=None if every else 1)
            found, nearest = found + more, min(nearest, distance)
        if not found:
            raise _unreachable(nearest, T)
        found.sort(key=lambda q: float(np.max(np.abs(q - start))))
        distinct = [found[0]]
        for q in found[1:]:
            if all(np.max(np.abs(q - other)) > 0.05 for other in distinct):
                distinct.append(q)
        return np.array(distinct)

    def _attempts(
        self, starts: list[tuple[Array, Array]], margin: float, limit: int | None = None
    ) -> tuple[list[Array], float]:
        """Solutions from (pose, start) pairs, at most limit, and the smallest distance the failures left [m]."""
        found: list[Array] = []
        nearest = np.inf
        for goal, start in starts:
            q, distance = self._descend(goal, start, margin)
            if q is None:
                nearest = min(nearest, distance)
                continue
            found.append(q)
            if limit is not None and len(found) >= limit:
                break
        return found, nearest

    def ik_batch(
        self,
        T_base_tcp: npt.NDArray[np.floating[Any]],
        seed: npt.NDArray[np.floating[Any]],
        *,
        margin: float = IK_MARGIN,
        rounds: int = 4,
    ) -> IKBatch:
        """One answer for each of many poses (M, 4, 4), e.g. grasp candidates; `ok` says which are reached.

        Args:
            T_base_tcp: (M, 4, 4) wanted tool poses.
            seed: (N,) one start for all, or (M, N) one each.
            margin: Distance kept from every joint limit [rad].
            rounds: Further starts tried for poses the seed does not reach.
        """
        return self.solver.solve_many(T_base_tcp, seed, margin=margin, rounds=rounds)

    def ik_near(
        self,
        T_base_tcp: npt.NDArray[np.floating[Any]],
        seed: npt.NDArray[np.floating[Any]],
        *,
        margin: float = IK_MARGIN,
    ) -> Array | None:
        """Joint positions (N,) reached by descending from the seed alone, or None: for steps along a path."""
        return self._descend(np.asarray(T_base_tcp, dtype=np.float64), np.asarray(seed, dtype=np.float64), margin)[0]

    def _descend(self, T: Array, seed: Array, margin: float) -> tuple[Array | None, float]:
        """The single-pose descent of `IKSolver`, on Pinocchio: a few microseconds a step."""
        pin, model, data, solver = self._pin, self.model, self.data, self.solver
        lower, upper = self.limits.lower + margin, self.limits.upper - margin
        goal = invert(self.T_base_root) @ T
        R_goal, p_goal = goal[:3, :3], goal[:3, 3]
        frame, columns = self._tcp, self._v_index
        full = self._q.copy()
        q = np.clip(seed, lower, upper)
        error = np.empty(6)
        eye = np.eye(6)
        for _ in range(FAST_STEPS):
            full[self._index] = q
            J = pin.computeFrameJacobian(model, data, full, frame, pin.ReferenceFrame.LOCAL_WORLD_ALIGNED)[:, columns]
            pose = pin.updateFramePlacement(model, data, frame)
            error[:3] = p_goal - pose.translation
            error[3:] = pin.log3(R_goal @ pose.rotation.T)
            squared = float(error @ error)
            if (
                float(error[:3] @ error[:3]) <= solver.position_tolerance_m**2
                and float(error[3:] @ error[3:]) <= solver.rotation_tolerance**2
            ):
                return q, 0.0
            slope = error @ J
            held = ((q <= lower) & (slope < 0)) | ((q >= upper) & (slope > 0))
            if held.any():
                J = J * ~held
            step = np.linalg.solve(J @ J.T + (0.1 * squared + 1e-7) * eye, error) @ J
            largest = float(np.max(np.abs(step)))
            if largest > 0.6:
                step *= 0.6 / largest
            q = np.minimum(np.maximum(q + step, lower), upper)
        return None, float(np.linalg.norm(error[:3]))


def _unreachable(distance_m: float, T: Array) -> PlanningError:
    x, y, z = T[:3, 3]
    where = f"({x:.2f}, {y:.2f}, {z:.2f}) m"
    if distance_m > 0.01:
        return PlanningError(
            ErrorCode.TARGET_UNREACHABLE, f"the target {where} is {distance_m:.2f} m beyond what the arm can reach"
        )
    return PlanningError(ErrorCode.IK_FAILED, f"the arm cannot take the wanted orientation at {where}")


def load_model(name: str = "fr3", *, prefix: str = "") -> RobotModel:
    """The model of a robot that ships with the package."""
    return RobotModel.from_config(load_robot(name, prefix=prefix))

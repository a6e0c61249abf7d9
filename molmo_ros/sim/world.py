"""One simulated table: physics, ground truth, touches and cameras, stepped by its owner; nothing here knows a clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.core.types import Frame
from molmo_ros.motion.description import load_robot
from molmo_ros.sim.assembly import OBJECT_PREFIX, compile_model, quaternion_wxyz
from molmo_ros.sim.config import WorldConfig, load_world_config
from molmo_ros.sim.contacts import ContactLog
from molmo_ros.sim.depth_noise import DepthNoise
from molmo_ros.sim.rendering import Renderer, load_mujoco
from molmo_ros.sim.scene import SceneModel

Array = npt.NDArray[np.float64]

_SETTLE_STEP_S = 0.05
_SETTLE_LIMIT_S = 2.0
_SETTLED_M_S = 0.003
_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectState:
    """Ground truth of one object.

    Attributes:
        T_base_object: (4, 4) pose of its frame: at the middle of its underside, z up.
        linear_m_s: (3,) velocity of that frame's origin.
        angular_rad_s: (3,) angular velocity.
    """

    T_base_object: Array
    linear_m_s: Array
    angular_rad_s: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A copy of a world's physical state.

    Attributes:
        model: MuJoCo's model it belongs to.
        data: MuJoCo's state.
    """

    model: Any
    data: Any


class SimWorld:
    """A robot at a table with a scene on it.

    Args:
        scene: What stands on the table.
        config: The world; ``config/sim/tabletop.yaml`` by default.
        noise: Error model of the depth cameras; perfect depth where None.
        renderer: Drawing context to share between worlds; made on first use where None.
    """

    def __init__(
        self,
        scene: SceneModel | None = None,
        config: WorldConfig | None = None,
        noise: DepthNoise | None = None,
        renderer: Renderer | None = None,
    ) -> None:
        self._mujoco = load_mujoco()
        self.config = config or load_world_config()
        self.robot = load_robot(self.config.robot)
        self.noise = noise
        self._renderer = renderer
        self._owns_renderer = renderer is None
        self._spare: Snapshot | None = None
        self.scene = SceneModel()
        self.reset(scene or SceneModel())

    def reset(self, scene: SceneModel) -> None:
        """Puts another scene on the table, the arm at its start pose with an open hand, and lets everything settle.

        Raises:
            MolmoRosError: CONFIG_INVALID when the scene does not come to rest.
        """
        mj = self._mujoco
        self.scene = scene
        self.model: Any = compile_model(scene, self.config, self.robot)
        self.data: Any = mj.MjData(self.model)
        names = [*self.robot.limits.names, *self.robot.gripper_joints]
        self._qpos = np.array([int(self.model.jnt(n).qposadr[0]) for n in names])
        self._dof = np.array([int(self.model.jnt(n).dofadr[0]) for n in names])
        self._ctrl = np.array([self.model.actuator(n).id for n in names])
        self._arm = slice(0, len(self.robot.limits.names))
        self._fingers = slice(self._arm.stop, len(names))
        self._body = {self.model.body(i).name: i for i in range(self.model.nbody)}
        finger_links = tuple(self.model.body(int(self.model.jnt(n).bodyid[0])).name for n in self.robot.gripper_joints)
        links = [name for name in self._body if name not in ("world", "table", *finger_links)]
        arm_links = tuple(name for name in links if not name.startswith(OBJECT_PREFIX))
        self.contacts = ContactLog(model=self.model, finger_links=finger_links, arm_links=arm_links)
        self.finger_links, self.arm_links = finger_links, arm_links
        start = self.robot.poses[self.config.start]
        self.place_robot(start, self.robot.gripper_width_m)
        self._settle()
        self.place_robot(start, self.robot.gripper_width_m)
        self.contacts.clear()
        self.data.time = 0.0
        mj.mj_forward(self.model, self.data)

    def place_robot(self, positions_rad: npt.ArrayLike, width_m: float) -> None:
        """Puts the robot into a configuration at rest, at once, with its servos holding it."""
        q = np.concatenate([np.asarray(positions_rad, dtype=np.float64), np.full(2, width_m / 2)])
        self.data.qpos[self._qpos] = q
        self.data.qvel[self._dof] = 0.0
        self.data.ctrl[self._ctrl] = q
        self._mujoco.mj_forward(self.model, self.data)

    def place_object(self, name: str, T_base_object: Array) -> None:
        """Puts an object somewhere at rest, at once.

        Raises:
            MolmoRosError: CONFIG_INVALID when the scene has no such object.
        """
        self.object_state(name)
        joint = self.model.jnt(OBJECT_PREFIX + name)
        address, dof = int(joint.qposadr[0]), int(joint.dofadr[0])
        self.data.qpos[address : address + 3] = T_base_object[:3, 3]
        self.data.qpos[address + 3 : address + 7] = quaternion_wxyz(T_base_object[:3, :3])
        self.data.qvel[dof : dof + 6] = 0.0
        self._mujoco.mj_forward(self.model, self.data)

    def _settle(self) -> None:
        steps = round(_SETTLE_STEP_S / self.config.timestep_s)
        speed = 0.0
        for _ in range(round(_SETTLE_LIMIT_S / _SETTLE_STEP_S)):
            for _ in range(steps):
                self._mujoco.mj_step(self.model, self.data)
            states = [self.object_state(name) for name in self.scene.objects]
            speed = max((float(np.linalg.norm(s.linear_m_s)) for s in states), default=0.0)
            if speed < _SETTLED_M_S:
                return
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f"the scene of seed {self.scene.seed} does not come to rest ({speed:.3f} m/s)"
        )

    @property
    def time_s(self) -> float:
        """Simulation time since the last reset [s]."""
        return float(self.data.time)

    @property
    def stamp_ns(self) -> int:
        """The same in nanoseconds; a round multiple of the physics step."""
        return self._stamp_ns(self.data)

    def _stamp_ns(self, data: Any) -> int:
        return round(float(data.time) / self.config.timestep_s) * round(self.config.timestep_s * _NS)

    @property
    def arm_joint_names(self) -> tuple[str, ...]:
        """Names of the arm's joints."""
        return tuple(self.robot.limits.names)

    def step(self, steps: int = 1) -> None:
        """Advances physics by whole steps and records what touches what."""
        for _ in range(steps):
            self._mujoco.mj_step(self.model, self.data)
            self.contacts.record(self.data)
        if not np.all(np.isfinite(self.data.qpos)):
            raise MolmoRosError(ErrorCode.INTERNAL, "the simulation became unstable; reset the scene")

    def joint_state(self) -> JointState:
        """All joints of the robot, fingers last; efforts are the servos' torques and forces."""
        return JointState(
            names=(*self.robot.limits.names, *self.robot.gripper_joints),
            positions=self.data.qpos[self._qpos].copy(),
            velocities=self.data.qvel[self._dof].copy(),
            efforts=self.data.qfrc_actuator[self._dof].copy(),
            stamp_ns=self.stamp_ns,
        )

    @property
    def arm_positions(self) -> Array:
        """(7,) measured arm joints [rad]."""
        return np.asarray(self.data.qpos[self._qpos[self._arm]].copy())

    @property
    def arm_velocities(self) -> Array:
        """(7,) measured rates of the arm joints [rad/s]."""
        return np.asarray(self.data.qvel[self._dof[self._arm]].copy())

    @property
    def width_m(self) -> float:
        """Measured opening between the fingers [m]."""
        return float(self.data.qpos[self._qpos[self._fingers]].sum())

    @property
    def width_rate_m_s(self) -> float:
        """Rate of the opening [m/s]."""
        return float(self.data.qvel[self._dof[self._fingers]].sum())

    def command_arm(self, positions: Array, velocities: Array, accelerations: Array) -> None:
        """Sets the arm's servo targets.

        The servos alone would lag by damping / stiffness seconds; as a real arm's controller does, the velocity, the
        inertia and the known friction are fed forward.
        """
        wanted = np.zeros(self.model.nv)
        wanted[self._dof[self._arm]] = accelerations
        torque = np.zeros(self.model.nv)
        self._mujoco.mj_mulM(self.model, self.data, torque, wanted)
        config = self.config
        feed = torque[self._dof[self._arm]] + (config.damping + config.joint_damping) * velocities
        feed += config.friction_loss * np.tanh(velocities / 0.02)
        self.data.ctrl[self._ctrl[self._arm]] = positions + feed / config.stiffness

    def command_width(self, width_m: float, max_effort_n: float) -> None:
        """Sets the fingers' servo targets and the force each may press with."""
        self.data.ctrl[self._ctrl[self._fingers]] = width_m / 2
        limits = np.array([-max_effort_n, max_effort_n])
        self.model.actuator_forcerange[self._ctrl[self._fingers]] = limits

    def link_pose(self, name: str) -> Array:
        """(4, 4) pose of a link's frame in the base frame.

        Raises:
            MolmoRosError: CONFIG_INVALID when there is no such link.
        """
        if name not in self._body:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the robot has no link {name}")
        return self._link_pose(name, self.data)

    def _link_pose(self, name: str, data: Any) -> Array:
        i = self._body[name]
        return geo.make_transform(data.xmat[i].reshape(3, 3), data.xpos[i])

    def object_state(self, name: str) -> ObjectState:
        """Ground truth of an object.

        Raises:
            MolmoRosError: CONFIG_INVALID when the scene has no such object.
        """
        key = OBJECT_PREFIX + name
        if key not in self._body:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the scene has no object {name}")
        address = int(self.model.jnt(key).dofadr[0])
        return ObjectState(
            T_base_object=self.link_pose(key),
            linear_m_s=self.data.qvel[address : address + 3].copy(),
            angular_rad_s=self.data.qvel[address + 3 : address + 6].copy(),
        )

    def object_poses(self) -> dict[str, Array]:
        """(4, 4) poses of all objects by name."""
        return {name: self.link_pose(OBJECT_PREFIX + name) for name in self.scene.objects}

    def camera_pose(self, camera: str) -> Array:
        """(4, 4) pose of a camera's optical frame in the base frame."""
        settings = self.config.cameras[camera]
        return self.link_pose(settings.link) if settings.link else settings.T_base_optical

    def snapshot(self) -> Snapshot:
        """A copy of the physical state, which `render` can draw on another thread while this world goes on.

        The next call reuses the copy, so one drawing is under way at a time.
        """
        if self._spare is None or self._spare.model is not self.model:
            self._spare = Snapshot(model=self.model, data=self._mujoco.MjData(self.model))
        self._mujoco.mj_copyData(self._spare.data, self.model, self.data)
        return self._spare

    def render(self, camera: str = "front", state: Snapshot | None = None) -> Frame:
        """What a camera sees now, with the depth camera's errors where a noise model is set.

        Args:
            camera: Name of the camera.
            state: What to draw; the present state when None.

        Raises:
            MolmoRosError: DEPENDENCY_MISSING where nothing can draw; CONFIG_INVALID for an unknown camera.
        """
        if camera not in self.config.cameras:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f"no camera {camera}; there are {', '.join(self.config.cameras)}"
            )
        settings = self.config.cameras[camera]
        if self._renderer is None:
            cameras = self.config.cameras.values()
            self._renderer = Renderer(max(c.width_px for c in cameras), max(c.height_px for c in cameras))
        model, data = (self.model, self.data) if state is None else (state.model, state.data)
        camera_id = model.camera(camera).id
        rgb, depth_m = self._renderer.render(model, data, camera_id, settings.width_px, settings.height_px)
        if self.noise is not None:
            depth_m = self.noise.apply(depth_m, settings.f_px)
        return Frame(
            rgb=rgb,
            depth_m=depth_m,
            K=settings.K,
            T_base_camera=self._link_pose(settings.link, data) if settings.link else settings.T_base_optical,
            stamp_ns=self._stamp_ns(data),
            frame_id=settings.frame_id,
        )

    def close(self) -> None:
        """Frees the drawing context where this world made it."""
        if self._renderer is not None and self._owns_renderer:
            self._renderer.close()
        self._renderer = None

    def __enter__(self) -> SimWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""A simulated robot as its controllers see it: trajectories, targets and gripper commands, played in simulation time.

`Simulation.step` advances everything by one control period; whoever owns the clock calls it: a node at wall-clock pace,
`SimRobot` as fast as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, JointTrajectory, MotionResult
from molmo_ros.core.types import Frame
from molmo_ros.sim.config import WorldConfig, load_world_config
from molmo_ros.sim.depth_noise import DepthNoise
from molmo_ros.sim.rendering import Renderer
from molmo_ros.sim.scene import NAMED, SceneModel, SceneSpec, build_scene
from molmo_ros.sim.world import SimWorld

Array = npt.NDArray[np.float64]

CONTROL_PERIOD_S = 0.01
"""Period of position streaming and of cancel polling."""

TRACKING_LIMIT_RAD = 0.12
"""A joint this far from its target has met something: a real arm would stop in a reflex."""

_BRAKE_S = 0.08
_BRAKE_RAD_S2 = 12.0
_SETTLE_RAD = 0.004
_SETTLE_S = 0.5
_REST_RAD_S = 0.02
_STALL_M_S = 0.002
_STALL_S = 0.08
_WIDTH_REACHED_M = 0.0015
_GRIPPER_TIMEOUT_S = 3.0
_DEFAULT_EFFORT_N = 40.0


@dataclass
class _Arm:
    """What the arm is following."""

    hold: Array
    trajectory: JointTrajectory | None = None
    start_s: float = 0.0
    previous: Array | None = None
    target: Array | None = None
    target_s: float = 0.0
    brake_velocity: Array | None = None
    brake_from_s: float = 0.0
    brake_lasts_s: float = _BRAKE_S
    result: MotionResult | None = None


@dataclass
class _Gripper:
    """What the fingers are doing."""

    goal_m: float
    setpoint_m: float
    effort_n: float = _DEFAULT_EFFORT_N
    moving: bool = False
    start_s: float = 0.0
    still_s: float = 0.0
    stalled: bool = False


class Simulation:
    """A world and the controllers of its robot.

    Args:
        scene: A scene, or the name of one in `scene.NAMED`.
        seed: What a named scene and the depth errors are drawn from.
        config: The world; the tabletop by default.
        noise: Whether the depth cameras err.
        renderer: Drawing context to share between simulations.
    """

    def __init__(
        self,
        scene: SceneModel | SceneSpec | str = "demo",
        seed: int = 0,
        config: WorldConfig | None = None,
        noise: bool = True,
        renderer: Renderer | None = None,
    ) -> None:
        self.config = config or load_world_config()
        self._noise = noise
        self.world = SimWorld(self._scene(scene, seed), self.config, renderer=renderer)
        self._begin(seed)

    def _scene(self, scene: SceneModel | SceneSpec | str, seed: int) -> SceneModel:
        if isinstance(scene, SceneModel):
            return scene
        if isinstance(scene, str):
            if scene not in NAMED:
                raise MolmoRosError(
                    ErrorCode.CONFIG_INVALID, f"no scene is called '{scene}'; there are {', '.join(NAMED)}"
                )
            scene = NAMED[scene]
        return build_scene(scene, seed, self.config)

    def _begin(self, seed: int) -> None:
        self.world.noise = DepthNoise(seed) if self._noise else None
        self._arm = _Arm(hold=self.world.arm_positions)
        width = self.world.width_m
        self._gripper = _Gripper(goal_m=width, setpoint_m=width)

    def reset(self, scene: SceneModel | SceneSpec | str = "demo", seed: int = 0) -> None:
        """Another scene, the arm back at its start pose, simulation time at 0."""
        self.world.reset(self._scene(scene, seed))
        self._begin(seed)

    @property
    def arm_joint_names(self) -> tuple[str, ...]:
        """Names of the arm's joints."""
        return self.world.arm_joint_names

    def joint_state(self) -> JointState:
        """The newest measurement of all joints."""
        return self.world.joint_state()

    def gripper_state(self) -> GripperState:
        """The newest measurement of the opening."""
        return GripperState(
            width_m=max(0.0, self.world.width_m), stalled=self._gripper.stalled, moving=self._gripper.moving
        )

    def render(self, camera: str = "front") -> Frame:
        """What a camera sees now."""
        return self.world.render(camera)

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        """Follows a trajectory from now on; any other motion of the arm ends.

        Raises:
            MolmoRosError: GATE_NAMES when a joint is unknown or missing; GATE_STEP when it begins away from the arm.
        """
        columns = self._columns(trajectory.names)
        ordered = JointTrajectory(
            names=self.arm_joint_names,
            times_s=trajectory.times_s - trajectory.times_s[0],
            positions=trajectory.positions[:, columns],
            velocities=trajectory.velocities[:, columns],
            accelerations=trajectory.accelerations[:, columns],
        )
        gap = float(np.abs(ordered.positions[0] - self.world.arm_positions).max())
        if gap > TRACKING_LIMIT_RAD:
            raise MolmoRosError(
                ErrorCode.GATE_STEP, f"the trajectory begins {gap:.3f} rad from where the arm is; plan it again"
            )
        self._arm = _Arm(hold=self._arm.hold, trajectory=ordered, start_s=self.world.time_s)

    def _columns(self, names: tuple[str, ...]) -> list[int]:
        if sorted(names) != sorted(self.arm_joint_names):
            raise MolmoRosError(
                ErrorCode.GATE_NAMES,
                f"the arm has the joints {', '.join(self.arm_joint_names)}, not {', '.join(names)}",
            )
        return [names.index(name) for name in self.arm_joint_names]

    def set_target(self, names: tuple[str, ...], positions: Array) -> None:
        """Goes to a position within one control period; meant to be called at 100 Hz. The last one is held."""
        wanted = np.asarray(positions, dtype=np.float64)[self._columns(names)]
        before = self._arm.target if self._arm.target is not None else self._arm.hold
        self._arm = _Arm(hold=wanted, previous=before, target=wanted, target_s=self.world.time_s)

    def hold(self) -> None:
        """Brakes the arm evenly to a stand, as fast as it may but within 80 ms, and holds it there."""
        self._arm = self._braking()

    def _braking(self, result: MotionResult | None = None) -> _Arm:
        velocity = self.world.arm_velocities
        lasts_s = float(np.clip(np.max(np.abs(velocity)) / _BRAKE_RAD_S2, 0.01, _BRAKE_S))
        return _Arm(
            hold=self.world.arm_positions + velocity * lasts_s / 2,
            brake_velocity=velocity,
            brake_from_s=self.world.time_s,
            brake_lasts_s=lasts_s,
            result=result,
        )

    @property
    def motion(self) -> MotionResult | None:
        """How the last trajectory ended; None while it runs."""
        return self._arm.result

    @property
    def is_moving(self) -> bool:
        """Whether a trajectory is under way."""
        return self._arm.trajectory is not None

    def command_gripper(self, width_m: float, max_effort_n: float = _DEFAULT_EFFORT_N) -> None:
        """Opens or closes to a width, pressing with at most a force.

        Raises:
            MolmoRosError: GRIPPER_FAILED for a width the hand does not have or a force that is not positive.
        """
        widest = self.world.robot.gripper_width_m
        if not (np.isfinite(width_m) and -1e-6 <= width_m <= widest + 1e-6):
            raise MolmoRosError(ErrorCode.GRIPPER_FAILED, f"the hand opens 0 to {widest:.3f} m, not {width_m:.3f} m")
        if not max_effort_n > 0:
            raise MolmoRosError(ErrorCode.GRIPPER_FAILED, "the gripping force must be greater than 0 N")
        now = self.world.width_m
        self._gripper = _Gripper(
            goal_m=float(np.clip(width_m, 0.0, widest)),
            setpoint_m=now,
            effort_n=float(max_effort_n),
            moving=True,
            start_s=self.world.time_s,
        )

    def hold_gripper(self) -> None:
        """Stops opening or closing; what is held stays held."""
        self._gripper.moving = False
        if not self._gripper.stalled:
            self._gripper.goal_m = self._gripper.setpoint_m

    def step(self, dt_s: float = CONTROL_PERIOD_S) -> None:
        """Advances simulation time by whole physics steps that make up dt_s."""
        steps = max(1, round(dt_s / self.config.timestep_s))
        for _ in range(steps):
            self._drive_arm()
            self._drive_gripper()
            self.world.step()
        self._judge_arm()
        self._judge_gripper(dt_s)

    def _drive_arm(self) -> None:
        arm, now = self._arm, self.world.time_s
        rest = np.zeros(len(self.arm_joint_names))
        if arm.trajectory is not None:
            position, velocity, acceleration = arm.trajectory.sample(now - arm.start_s + self.config.timestep_s)
            if now - arm.start_s >= arm.trajectory.duration_s:
                velocity, acceleration = rest, rest
        elif arm.target is not None and arm.previous is not None:
            share = min(1.0, (now - arm.target_s + self.config.timestep_s) / CONTROL_PERIOD_S)
            position = arm.previous + share * (arm.target - arm.previous)
            velocity = (arm.target - arm.previous) / CONTROL_PERIOD_S if share < 1.0 else rest
            acceleration = rest
        elif arm.brake_velocity is not None and now - arm.brake_from_s < arm.brake_lasts_s:
            left = arm.brake_lasts_s - (now - arm.brake_from_s)
            velocity = arm.brake_velocity * left / arm.brake_lasts_s
            position = arm.hold - velocity * left / 2
            acceleration = -arm.brake_velocity / arm.brake_lasts_s
        else:
            position, velocity, acceleration = arm.hold, rest, rest
        self.world.command_arm(position, velocity, acceleration)

    def _drive_gripper(self) -> None:
        gripper = self._gripper
        stride = self.config.gripper_speed_m_s * self.config.timestep_s
        gripper.setpoint_m += float(np.clip(gripper.goal_m - gripper.setpoint_m, -stride, stride))
        self.world.command_width(gripper.setpoint_m, gripper.effort_n)

    def _judge_arm(self) -> None:
        arm = self._arm
        if arm.trajectory is None:
            return
        elapsed = self.world.time_s - arm.start_s
        wanted, _, _ = arm.trajectory.sample(elapsed)
        error = float(np.abs(wanted - self.world.arm_positions).max())
        if error > TRACKING_LIMIT_RAD:
            result = MotionResult(
                code=ErrorCode.TRACKING_ERROR,
                message=f"the arm is {error:.3f} rad off its trajectory; it has met something",
            )
            self._arm = self._braking(result)
            return
        end = arm.trajectory.positions[-1]
        settled = error < _SETTLE_RAD and self._at_rest
        if elapsed >= arm.trajectory.duration_s and (settled or elapsed >= arm.trajectory.duration_s + _SETTLE_S):
            self._arm = _Arm(hold=end, result=MotionResult())

    @property
    def _at_rest(self) -> bool:
        """Whether the arm stands still."""
        return float(np.abs(self.world.arm_velocities).max()) < _REST_RAD_S

    def _judge_gripper(self, dt_s: float) -> None:
        """Ends a gripper motion: at its goal or stopped by something, and once the arm, freed of a load, has settled."""
        gripper = self._gripper
        if not gripper.moving:
            return
        elapsed = self.world.time_s - gripper.start_s
        width = self.world.width_m
        reached = abs(width - gripper.goal_m) < _WIDTH_REACHED_M
        slow = abs(self.world.width_rate_m_s) < _STALL_M_S
        gripper.still_s = gripper.still_s + dt_s if slow else 0.0
        if elapsed > _GRIPPER_TIMEOUT_S:
            gripper.moving = False
            gripper.stalled = not reached
        elif not (self.is_moving or self._at_rest):
            return
        elif reached and slow:
            gripper.moving = False
        elif gripper.still_s >= _STALL_S and elapsed > 2 * _STALL_S:
            gripper.moving = False
            gripper.stalled = True

    def close(self) -> None:
        """Frees the drawing context where this simulation made it."""
        self.world.close()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

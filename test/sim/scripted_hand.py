"""Scripted top-down motions for tests of physics: damped least squares on MuJoCo's own Jacobian, no planner."""

from __future__ import annotations

import numpy as np

from molmo_ros.core import geometry as geo
from molmo_ros.core.robot import JointTrajectory
from molmo_ros.sim.rendering import load_mujoco
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.world import SimWorld

DOWN = np.diag([1.0, -1.0, -1.0])


def solve_ik(world: SimWorld, T_base_tcp: np.ndarray, q0: np.ndarray) -> np.ndarray:
    """Arm joints that put the tool frame at a pose."""
    mj = load_mujoco()
    data = mj.MjData(world.model)
    data.qpos[:] = world.data.qpos
    tcp = world.model.body(world.robot.tcp_frame).id
    dofs, address = world._dof[:7], world._qpos[:7]
    q = np.array(q0, dtype=float)
    jp, jr = np.zeros((3, world.model.nv)), np.zeros((3, world.model.nv))
    for _ in range(300):
        data.qpos[address] = q
        mj.mj_kinematics(world.model, data)
        mj.mj_comPos(world.model, data)
        mj.mj_jacBody(world.model, data, jp, jr, tcp)
        R = data.xmat[tcp].reshape(3, 3)
        dp = T_base_tcp[:3, 3] - data.xpos[tcp]
        dR = T_base_tcp[:3, :3] @ R.T
        dr = 0.5 * np.array([dR[2, 1] - dR[1, 2], dR[0, 2] - dR[2, 0], dR[1, 0] - dR[0, 1]])
        error = np.concatenate([dp, dr])
        if np.linalg.norm(error) < 1e-5:
            return q
        J = np.concatenate([jp, jr])[:, dofs]
        q = q + J.T @ np.linalg.solve(J @ J.T + 1e-5 * np.eye(6), error)
    raise AssertionError(f"no solution, error {np.linalg.norm(error)}")


def smooth(names: tuple[str, ...], a: np.ndarray, b: np.ndarray, duration_s: float) -> JointTrajectory:
    """A rest-to-rest quintic from a to b."""
    t = np.linspace(0.0, duration_s, max(3, round(duration_s * 100)))
    s = t / duration_s
    f = 10 * s**3 - 15 * s**4 + 6 * s**5
    fd = (30 * s**2 - 60 * s**3 + 30 * s**4) / duration_s
    fdd = (60 * s - 180 * s**2 + 120 * s**3) / duration_s**2
    d = b - a
    return JointTrajectory(
        names=names, times_s=t, positions=a + np.outer(f, d), velocities=np.outer(fd, d), accelerations=np.outer(fdd, d)
    )


def go(robot: SimRobot, position_m, yaw_rad: float, duration_s: float = 1.2):
    """Moves the tool, pointing down, to a place; +y (closing) turned by yaw about the vertical."""
    world = robot.simulation.world
    target = geo.make_transform(geo.rotation_z(yaw_rad) @ DOWN, position_m)
    q0 = world.arm_positions
    q1 = solve_ik(world, target, q0)
    return robot.execute(smooth(robot.joint_names, q0, q1, duration_s), lambda: False)


def pick(robot: SimRobot, name: str, height_m: float, yaw_rad: float, offset_m=(0.0, 0.0), effort_n: float = 40.0):
    """Picks an object from above at its origin (plus an offset in its own frame) and lifts it 0.15 m."""
    world = robot.simulation.world
    T = world.object_state(name).T_base_object
    xy = (T @ np.array([*offset_m, 0.0, 1.0]))[:2]
    heading = np.arctan2(T[1, 0], T[0, 0])
    yaw = (heading + yaw_rad + np.pi / 2) % np.pi - np.pi / 2
    go(robot, [*xy, height_m + 0.12], yaw, 1.5)
    go(robot, [*xy, height_m], yaw, 0.8)
    closed = robot.move_gripper(0.0, effort_n, lambda: False)
    go(robot, [*xy, height_m + 0.15], yaw, 0.8)
    return closed

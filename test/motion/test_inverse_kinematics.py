"""Inverse kinematics reaches what the arm can reach, inside its limits, and says so when it cannot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import make_transform, rotation_angle, rotation_x
from molmo_ros.motion.model import IK_MARGIN

DOWN = rotation_x(np.pi)
fraction = st.lists(st.floats(0.05, 0.95), min_size=7, max_size=7)


def inside(model, fractions):
    limits = model.limits
    return limits.lower + (limits.upper - limits.lower) * np.array(fractions)


@settings(max_examples=60, deadline=None)
@given(fraction)
def test_solutions_reach_the_pose_within_the_margin(model, robot, fractions):
    wanted = model.fk(inside(model, fractions))
    batch = model.ik_batch(wanted[None], robot.poses["ready"])
    q = batch.q[0]
    assert model.limits.inside(q, IK_MARGIN - 1e-9)
    got = model.fk(q)
    if not batch.ok[0]:
        assert batch.position_error_m[0] + batch.rotation_error[0] > 1e-5
        return
    assert np.linalg.norm(got[:3, 3] - wanted[:3, 3]) <= 1e-5
    assert rotation_angle(got[:3, :3].T @ wanted[:3, :3]) <= 1e-4


def test_nearly_every_reachable_pose_is_solved(model, ready):
    rng = np.random.default_rng(5)
    q = model.limits.lower + (model.limits.upper - model.limits.lower) * rng.uniform(0.05, 0.95, (400, 7))
    batch = model.ik_batch(model.fk_batch(q), ready, rounds=8)
    assert batch.ok.mean() >= 0.97


def test_every_table_grasp_is_solved(model, ready):
    rng = np.random.default_rng(6)
    x, y, z = rng.uniform(0.3, 0.65, 300), rng.uniform(-0.35, 0.35, 300), rng.uniform(0.0, 0.3, 300)
    poses = np.array([make_transform(DOWN, p) for p in np.column_stack([x, y, z])])
    batch = model.ik_batch(poses, ready)
    assert batch.ok.all()
    np.testing.assert_allclose(model.fk_batch(batch.q)[:, :3, 3], poses[:, :3, 3], atol=1e-5)


def test_batch_kinematics_equal_pinocchios(model):
    rng = np.random.default_rng(7)
    q = model.limits.lower + (model.limits.upper - model.limits.lower) * rng.uniform(size=(20, 7))
    np.testing.assert_allclose(model.fk_batch(q), [model.fk(row) for row in q], atol=1e-12)
    _, p, axes, origins = model.chain.forward(q)
    np.testing.assert_allclose(model.chain.jacobian(p, axes, origins), [model.jacobian(row) for row in q], atol=1e-12)


def test_jacobian_is_the_derivative_of_the_pose(model, ready):
    J = model.jacobian(ready)
    for i in range(7):
        step = np.zeros(7)
        step[i] = 1e-6
        slope = (model.fk(ready + step)[:3, 3] - model.fk(ready - step)[:3, 3]) / 2e-6
        np.testing.assert_allclose(J[:3, i], slope, atol=1e-8)


def test_same_pose_same_answer(model, ready):
    pose = make_transform(DOWN, (0.2, -0.5, 0.3))
    np.testing.assert_array_equal(model.ik(pose, ready), model.ik(pose, ready))


def test_flip_takes_the_nearer_of_two_equal_grasps(model, ready):
    turned = model.fk(ready) @ np.diag([-1.0, -1.0, 1.0, 1.0])
    q = model.ik(turned, ready, flip=True)
    np.testing.assert_allclose(q, ready, atol=1e-3)


@pytest.mark.parametrize("point", [(2.0, 0.0, 0.3), (0.0, 0.0, -3.0)])
def test_out_of_reach_is_named(model, ready, point):
    with pytest.raises(MolmoRosError, match="beyond what the arm can reach") as caught:
        model.ik(make_transform(DOWN, point), ready)
    assert caught.value.code is ErrorCode.TARGET_UNREACHABLE


def test_not_a_pose_is_refused(model, ready):
    with pytest.raises(MolmoRosError, match="not a finite rigid transform"):
        model.ik(np.full((4, 4), np.nan), ready)

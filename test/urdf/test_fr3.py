"""The FR3 description says what Franka's does, in every reader this package uses."""

import xml.etree.ElementTree as ET

import numpy as np
import pinocchio as pin
import pytest

from molmo_ros.motion.description import load_robot, load_urdf

# q, flange xyz, TCP xyz, TCP quaternion (w, x, y, z): figures derived from franka_description 1.0.1's kinematics.yaml.
GOLDEN = [
    ([0.0] * 7, (0.088, 0.0, 0.926), (0.088, 0.0, 0.8226), (0.0, 0.92388, 0.38268, 0.0)),
    (
        [0.0, -np.pi / 4, 0.0, -3 * np.pi / 4, 0.0, np.pi / 2, np.pi / 4],
        (0.306891, 0.0, 0.590282),
        (0.306891, 0.0, 0.486882),
        (0.0, 1.0, 0.0, 0.0),
    ),
    (
        [0.0, -0.7, 0.0, -2.35619, 0.0, 1.57079, 0.0],
        (0.327716, 0.0, 0.563170),
        (0.318897, 0.0, 0.460147),
        (0.01634, -0.92304, -0.38233, 0.03944),
    ),
    (
        [0.3, -0.5, 0.2, -2.0, -0.4, 1.9, 0.6],
        (0.373449, 0.199829, 0.698263),
        (0.429313, 0.176542, 0.614427),
        (0.21256, 0.88781, 0.34234, 0.22231),
    ),
]


@pytest.fixture(scope="module")
def urdf() -> str:
    return load_urdf("urdf/fr3.urdf.xacro")


@pytest.mark.parametrize(("q", "flange", "tcp", "quaternion"), GOLDEN)
def test_forward_kinematics_is_frankas(urdf, q, flange, tcp, quaternion):
    model = pin.buildModelFromXML(urdf)
    data = model.createData()
    pin.framesForwardKinematics(model, data, np.array([*q, 0.0, 0.0]))
    np.testing.assert_allclose(data.oMf[model.getFrameId("fr3_link8")].translation, flange, atol=1e-6)
    pose = data.oMf[model.getFrameId("fr3_hand_tcp")]
    np.testing.assert_allclose(pose.translation, tcp, atol=1e-6)
    got = pin.Quaternion(pose.rotation)
    want = np.array(quaternion)
    assert abs(abs(want @ [got.w, got.x, got.y, got.z]) - 1) < 1e-5


def test_limits_are_those_of_the_fact_sheet(urdf):
    # franka_description robots/fr3/joint_limits.yaml
    lower = [-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159]
    upper = [2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159]
    velocity = [2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26]
    effort = [87, 87, 87, 87, 12, 12, 12]
    model = pin.buildModelFromXML(urdf)
    np.testing.assert_allclose(model.lowerPositionLimit[:7], lower)
    np.testing.assert_allclose(model.upperPositionLimit[:7], upper)
    np.testing.assert_allclose(model.velocityLimit[:7], velocity)
    np.testing.assert_allclose(model.effortLimit[:7], effort)


def test_mass_is_the_sum_of_frankas_inertials(urdf):
    # robots/fr3/inertials.yaml, franka_hand.xacro, and 0.072 kg of camera.
    arm = 2.3966 + 2.92747 + 2.93554 + 2.24490 + 2.61560 + 2.32712 + 1.81704 + 0.627143
    masses = [float(mass.get("value")) for mass in ET.fromstring(urdf).iter("mass")]
    assert sum(masses) == pytest.approx(arm + 0.6544 + 2 * 0.0291 + 0.072)


def test_every_inertia_is_physical(urdf):
    for inertia in ET.fromstring(urdf).iter("inertia"):
        v = {key: float(value) for key, value in inertia.attrib.items()}
        tensor = np.array(
            [[v["ixx"], v["ixy"], v["ixz"]], [v["ixy"], v["iyy"], v["iyz"]], [v["ixz"], v["iyz"], v["izz"]]]
        )
        assert np.all(np.linalg.eigvalsh(tensor) > 0)


def test_collision_and_visual_shapes_are_primitives_every_reader_knows(urdf):
    shapes = {child.tag for geometry in ET.fromstring(urdf).iter("geometry") for child in geometry}
    assert shapes == {"box", "cylinder", "sphere"}


def test_frames_of_the_graph_exist(urdf):
    links = {link.get("name") for link in ET.fromstring(urdf).iter("link")}
    wanted = {f"fr3_link{i}" for i in range(9)}
    wanted |= {"fr3_hand", "fr3_hand_tcp", "fr3_leftfinger", "fr3_rightfinger"}
    wanted |= {"wrist_camera_link", "wrist_camera_color_optical_frame"}
    assert wanted <= links


def test_prefix_names_every_link_and_joint():
    root = ET.fromstring(load_urdf("urdf/fr3.urdf.xacro", {"prefix": "left_"}))
    names = [item.get("name") for item in root if item.tag in {"link", "joint"}]
    assert names
    assert all(name.startswith("left_") for name in names)


def test_hand_can_be_left_off():
    root = ET.fromstring(load_urdf("urdf/fr3.urdf.xacro", {"hand": "false"}))
    assert {link.get("name") for link in root.iter("link")} == {f"fr3_link{i}" for i in range(9)}


def test_mujoco_reads_it(urdf):
    mujoco = pytest.importorskip("mujoco", reason="mujoco is an optional extra")
    model = mujoco.MjModel.from_xml_string(urdf)
    assert model.njnt == 9
    assert model.jnt_range[0] == pytest.approx([-2.7437, 2.7437])


def test_wrist_camera_sees_the_tool(urdf):
    model = pin.buildModelFromXML(urdf)
    data = model.createData()
    pin.framesForwardKinematics(model, data, pin.neutral(model))
    camera = data.oMf[model.getFrameId("wrist_camera_color_optical_frame")]
    tool = camera.actInv(data.oMf[model.getFrameId("fr3_hand_tcp")].translation)
    assert tool[2] > 0.05
    assert abs(np.arctan2(tool[1], tool[2])) < np.radians(21)


def test_velocity_bounds_at_ready_match_frankas_formula():
    # Derived from libfranka rate_limiting.h at "ready": joint 2 -2.08, joint 4 -2.05, joint 6 -3.02 rad/s.
    robot = load_robot("fr3")
    lowest, highest = robot.limits.velocity_bounds(robot.poses["ready"])
    np.testing.assert_allclose(
        lowest[[1, 3, 5]], [-2.08, -2.05, -3.02], atol=0.0065
    )  # two printed digits and the tolerance
    assert np.all(highest > 0)

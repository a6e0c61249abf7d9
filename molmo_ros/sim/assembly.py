"""A MuJoCo model of a scene: the robot from its URDF, servos, a table, objects and cameras."""

from __future__ import annotations

from typing import Any

import numpy as np

from molmo_ros.core import geometry as geo
from molmo_ros.motion.description import RobotConfig
from molmo_ros.sim.config import CameraConfig, WorldConfig
from molmo_ros.sim.parts import Part
from molmo_ros.sim.rendering import load_mujoco
from molmo_ros.sim.scene import PlacedObject, SceneModel

OBJECT_PREFIX = "object/"
TABLE = "table"

# MuJoCo drops a URDF's visual shapes and merges its fixed links unless the file says otherwise.
_URDF_OPTIONS = '<mujoco><compiler discardvisual="false" fusestatic="false"/></mujoco>'

_SEEN, _UNSEEN = 2, 3
_SOLREF = (0.006, 1.0)
_SOLIMP = (0.95, 0.99, 0.001, 0.5, 2.0)
_ROLLING = 0.0015
_TABLE_THICKNESS_M = 0.04
_FLOOR_Z_M = -0.75
# A joint whose reflected inertia is only a finger's needs some rotor inertia to be stiff at a 2 ms step.
_FINGER_ARMATURE_KG = 0.1


def quaternion_wxyz(R: Any) -> list[float]:
    """MuJoCo's order of a rotation's quaternion."""
    x, y, z, w = geo.rotation_to_quaternion(np.asarray(R))
    return [float(w), float(x), float(y), float(z)]


def compile_model(scene: SceneModel, config: WorldConfig, robot: RobotConfig) -> Any:
    """The MjModel of a scene.

    Args:
        scene: The table's colour and what stands on it.
        config: The world.
        robot: The robot, whose URDF becomes the arm.
    """
    mj = load_mujoco()
    spec = mj.MjSpec.from_string(robot.urdf_text.replace("</robot>", _URDF_OPTIONS + "</robot>"))
    spec.modelname = "tabletop"
    spec.compiler.degree = False
    _physics(mj, spec, config)
    _robot(mj, spec, config, robot)
    _surroundings(mj, spec, config, scene)
    for placed in scene.objects.values():
        _object(mj, spec, placed, config.table_top_z_m)
    for camera in config.cameras.values():
        _camera(mj, spec, camera)
    model = spec.compile()
    _looks(model, config)
    return model


def _physics(mj: Any, spec: Any, config: WorldConfig) -> None:
    option = spec.option
    option.timestep = config.timestep_s
    option.integrator = mj.mjtIntegrator.mjINT_IMPLICITFAST
    # Elliptic cones with a stiff friction direction hold a grasped thing without creep.
    option.cone = mj.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    if hasattr(mj.mjtEnableBit, "mjENBL_MULTICCD"):
        # Faces of meshes rest on several points; newer versions do so by default.
        option.enableflags |= mj.mjtEnableBit.mjENBL_MULTICCD


def _looks(model: Any, config: WorldConfig) -> None:
    """Size, light and clipping planes of pictures; set on the model, for older bindings have them nowhere else."""
    visual = model.vis
    visual.global_.offwidth = max((camera.width_px for camera in config.cameras.values()), default=640)
    visual.global_.offheight = max((camera.height_px for camera in config.cameras.values()), default=480)
    visual.quality.offsamples = 0
    visual.quality.shadowsize = 2048
    # As in a bright room, a vertical side that faces the camera has about 0.7 of the brightness of a top.
    visual.headlight.ambient[:] = 0.48
    visual.headlight.diffuse[:] = 0.26
    visual.headlight.specular[:] = 0.05
    visual.map.znear = 0.02
    visual.map.zfar = 12.0
    model.stat.extent = 1.0
    model.stat.center[:] = (0.5, 0.0, 0.2)


def _robot(mj: Any, spec: Any, config: WorldConfig, robot: RobotConfig) -> None:
    """Servos, gravity compensation, friction and contact settings of the arm and hand."""
    arm = list(robot.limits.names)
    fingers = list(robot.gripper_joints)
    finger_bodies = set()
    links = [body.name for body in spec.bodies if body.name != "world"]
    for body in spec.bodies:
        if body.name == "world":
            continue
        body.gravcomp = 1.0
        for joint in body.joints:
            if joint.name in fingers:
                finger_bodies.add(body.name)
        for geom in body.geoms:
            if geom.contype == 0 and geom.conaffinity == 0:
                geom.group = _SEEN
            else:
                geom.group = _UNSEEN
                geom.solref = _SOLREF
                geom.condim = 3
    for body in spec.bodies:
        if body.name in finger_bodies:
            for geom in body.geoms:
                geom.condim = 4
                geom.friction = [config.gripper_friction, 0.008, 0.0001]
                geom.solref = (0.004, 1.0)
                geom.solimp = _SOLIMP
                geom.priority = 1 if geom.contype else 0
    joints = {joint.name: joint for body in spec.bodies for joint in body.joints}
    for i, name in enumerate(arm):
        joint = joints[name]
        joint.armature = float(config.armature[i])
        joint.damping = _scalar_like(joint.damping, config.joint_damping)
        joint.frictionloss = float(config.friction_loss[i])
        joint.actgravcomp = True
        limit = abs(float(joint.actfrcrange[1]))
        _servo(mj, spec, name, float(config.stiffness[i]), float(config.damping[i]), limit)
    stiffness = config.gripper_stiffness
    for name in fingers:
        joint = joints[name]
        joint.armature = _FINGER_ARMATURE_KG
        joint.damping = _scalar_like(joint.damping, 1.0)
        _servo(mj, spec, name, stiffness, 2 * float(np.sqrt(stiffness * _FINGER_ARMATURE_KG)), 140.0)
    _mimic(mj, spec, fingers)
    _exclusions(spec, robot, links)


def _scalar_like(current: Any, value: float) -> Any:
    """Some MuJoCo versions keep damping as a polynomial: its first coefficient is the linear one."""
    if np.ndim(current) == 0:
        return value
    out = np.zeros(np.shape(current))
    out[0] = value
    return out


def _servo(mj: Any, spec: Any, joint: str, stiffness: float, damping: float, limit: float) -> None:
    """A position servo: force = stiffness (ctrl - q) - damping qd, within +-limit."""
    actuator = spec.add_actuator(name=joint, target=joint)
    actuator.trntype = mj.mjtTrn.mjTRN_JOINT
    actuator.gaintype = mj.mjtGain.mjGAIN_FIXED
    actuator.biastype = mj.mjtBias.mjBIAS_AFFINE
    actuator.gainprm[0] = stiffness
    actuator.biasprm[1] = -stiffness
    actuator.biasprm[2] = -damping
    actuator.forcelimited = True
    actuator.forcerange = [-limit, limit]


def _mimic(mj: Any, spec: Any, fingers: list[str]) -> None:
    """The second finger follows the first; readers that know URDF's mimic have added the equality already."""
    equalities = list(spec.equalities)
    if not equalities and len(fingers) == 2:
        equality = spec.add_equality(name1=fingers[1], name2=fingers[0])
        equality.type = mj.mjtEq.mjEQ_JOINT
        equality.data[1] = 1.0
        equalities = [equality]
    for equality in equalities:
        equality.solref = (0.004, 1.0)
        equality.solimp = _SOLIMP


def _exclusions(spec: Any, robot: RobotConfig, links: list[str]) -> None:
    """Pairs that are never in contact, and the robot's foot in the table it is bolted to."""
    known = set(links)
    for pair in robot.never_checked:
        a, b = sorted(pair)
        if a in known and b in known:
            spec.add_exclude(bodyname1=a, bodyname2=b)
    root = spec.worldbody.first_body()
    first = root.first_body()
    # MuJoCo's parent-child filter does not hold for a parent that is fixed to the world.
    spec.add_exclude(bodyname1=root.name, bodyname2=first.name)
    spec.add_exclude(bodyname1=first.name, bodyname2=TABLE)


def _surroundings(mj: Any, spec: Any, config: WorldConfig, scene: SceneModel) -> None:
    (x0, x1), (y0, y1) = config.table_x_m, config.table_y_m
    top = config.table_top_z_m
    table = spec.worldbody.add_body(name=TABLE, pos=[(x0 + x1) / 2, (y0 + y1) / 2, top])
    half = _TABLE_THICKNESS_M / 2
    surface = table.add_geom(
        name="table_top",
        type=mj.mjtGeom.mjGEOM_BOX,
        size=[(x1 - x0) / 2, (y1 - y0) / 2, half],
        pos=[0, 0, -half],
        rgba=[*scene.table_rgb, 1.0],
        friction=[0.8, 0.005, 0.0001],
        solref=_SOLREF,
        solimp=_SOLIMP,
        group=_SEEN,
    )
    surface.condim = 4
    for sx in (-1, 1):
        for sy in (-1, 1):
            height = (top - _TABLE_THICKNESS_M - _FLOOR_Z_M) / 2
            table.add_geom(
                type=mj.mjtGeom.mjGEOM_BOX,
                size=[0.03, 0.03, height],
                pos=[sx * ((x1 - x0) / 2 - 0.05), sy * ((y1 - y0) / 2 - 0.05), -_TABLE_THICKNESS_M - height],
                rgba=[0.25, 0.25, 0.27, 1.0],
                contype=0,
                conaffinity=0,
                group=_SEEN,
            )
    spec.worldbody.add_geom(
        name="floor",
        type=mj.mjtGeom.mjGEOM_PLANE,
        size=[4.0, 4.0, 0.1],
        pos=[0.0, 0.0, _FLOOR_Z_M],
        rgba=[0.56, 0.58, 0.60, 1.0],
        group=_SEEN,
    )
    for name, size, place in (
        ("wall_back", [0.05, 3.0, 1.6], [-1.9, 1.0, _FLOOR_Z_M + 1.6]),
        ("wall_side", [3.0, 0.05, 1.6], [1.0, 1.9, _FLOOR_Z_M + 1.6]),
    ):
        spec.worldbody.add_geom(
            name=name,
            type=mj.mjtGeom.mjGEOM_BOX,
            size=size,
            pos=place,
            rgba=[0.82, 0.84, 0.86, 1.0],
            contype=0,
            conaffinity=0,
            group=_SEEN,
        )
    lamp = spec.worldbody.add_light(name="lamp", pos=[0.5, 0.0, 2.0], dir=list(scene.light))
    if hasattr(mj, "mjtLightType"):
        lamp.type = mj.mjtLightType.mjLIGHT_DIRECTIONAL
    else:
        lamp.directional = True
    lamp.castshadow = True
    lamp.diffuse = [0.34, 0.34, 0.33]
    lamp.specular = [0.15, 0.15, 0.15]
    lamp.ambient = [0.0, 0.0, 0.0]


def _object(mj: Any, spec: Any, placed: PlacedObject, table_z_m: float) -> None:
    model = placed.model
    body = spec.worldbody.add_body(
        name=OBJECT_PREFIX + placed.name,
        pos=[float(placed.xy_m[0]), float(placed.xy_m[1]), table_z_m + 0.0005],
        quat=quaternion_wxyz(geo.rotation_z(placed.yaw_rad)),
    )
    body.add_freejoint(name=OBJECT_PREFIX + placed.name)
    volume = sum(_volume_m3(part) for part in model.parts if part.collides)
    for i, part in enumerate(model.parts):
        geom = body.add_geom(name=f"{OBJECT_PREFIX}{placed.name}/{i}")
        _shape(mj, spec, geom, part, f"{placed.name}/{i}")
        geom.pos = part.T_object_part[:3, 3]
        geom.quat = quaternion_wxyz(part.T_object_part[:3, :3])
        geom.rgba = [*model.paints[part.paint], 1.0]
        geom.group = _SEEN if part.visible else _UNSEEN
        if part.collides:
            geom.mass = model.mass_kg * _volume_m3(part) / volume
            geom.friction = [model.friction, 0.005, _ROLLING]
            geom.condim = 6 if part.shape in ("sphere", "cylinder", "capsule") else 4
            geom.solref = _SOLREF
            geom.solimp = _SOLIMP
        else:
            geom.mass = 0.0
            geom.contype = 0
            geom.conaffinity = 0


def _volume_m3(part: Part) -> float:
    """Volume of a part; that of its bounding box for a mesh."""
    s = part.size_m
    if part.shape == "box":
        return 8 * s[0] * s[1] * s[2]
    if part.shape == "sphere":
        return 4 / 3 * np.pi * s[0] ** 3
    if part.shape in ("cylinder", "capsule"):
        return np.pi * s[0] ** 2 * 2 * s[1]
    return float(np.prod(np.ptp(part.vertices_m, axis=0)))


def _shape(mj: Any, spec: Any, geom: Any, part: Part, name: str) -> None:
    if part.shape != "mesh":
        geom.type = getattr(mj.mjtGeom, f"mjGEOM_{part.shape.upper()}")
        geom.size = [*part.size_m, *([0.0] * (3 - len(part.size_m)))]
        return
    mesh = spec.add_mesh(name=name)
    mesh.uservert = part.vertices_m.astype(np.float32).ravel()
    if len(part.faces):
        mesh.userface = part.faces.ravel()
    # A surface that is only seen need not enclose a volume; that of its hull always exists.
    kinds = mj.mjtMeshInertia
    mesh.inertia = kinds.mjMESH_INERTIA_CONVEX if hasattr(kinds, "mjMESH_INERTIA_CONVEX") else kinds.mjINERTIA_CONVEX
    geom.type = mj.mjtGeom.mjGEOM_MESH
    geom.meshname = name


def _camera(mj: Any, spec: Any, camera: CameraConfig) -> None:
    parent = next(b for b in spec.bodies if b.name == camera.link) if camera.link else spec.worldbody
    # MuJoCo's cameras look along -z with y up; an optical frame looks along +z with y down.
    R = camera.T_base_optical[:3, :3] @ np.diag([1.0, -1.0, -1.0])
    added = parent.add_camera(name=camera.name, pos=camera.T_base_optical[:3, 3], quat=quaternion_wxyz(R))
    added.fovy = camera.fovy_deg
    del mj

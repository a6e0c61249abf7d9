"""Time the motion part: traces to trajectories, inverse kinematics, contact, plans, timing."""

from __future__ import annotations

import json as json_format
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from molmo_ros.core import geometry
from molmo_ros.core.scene import Plane, Scene, SceneObject
from molmo_ros.core.types import Frame, Trace
from molmo_ros.motion.collision import CollisionWorld
from molmo_ros.motion.description import load_robot
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.lifting import lift_trace
from molmo_ros.motion.model import RobotModel
from molmo_ros.motion.planner import OmplPlanner, follow_poses
from molmo_ros.motion.timing import time_parameterise

WIDTH, HEIGHT = 640, 480
K = np.array([[610.0, 0.0, 320.0], [0.0, 610.0, 240.0], [0.0, 0.0, 1.0]])
DOWN = geometry.rotation_x(np.pi)
BUDGET_MS = {"trace: lift, IK and limits of 32 waypoints": 50.0}


def table_scene(rng: np.random.Generator, boxes: int = 6) -> tuple[Frame, Scene]:
    """A 640x480 frame and scene of a table at z = 0 with upright boxes, seen from the far side."""
    T = geometry.look_at((1.25, 0.0, 0.75), (0.5, 0.0, 0.0))
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = geometry.deproject(K, np.dstack([u, v]), np.ones((HEIGHT, WIDTH))) @ T[:3, :3].T
    eye = T[:3, 3]
    t = np.where(rays[..., 2] < -1e-3, -eye[2] / rays[..., 2], np.nan)
    owner = np.full(t.shape, -1)
    centres = rng.uniform((0.38, -0.3), (0.6, 0.3), (boxes, 2))
    sizes = rng.uniform((0.04, 0.04, 0.04), (0.08, 0.08, 0.15), (boxes, 3))
    for k, (centre, size) in enumerate(zip(centres, sizes, strict=True)):
        low, high = np.append(centre - size[:2] / 2, 0.0), np.append(centre + size[:2] / 2, size[2])
        with np.errstate(divide="ignore", invalid="ignore"):
            near, far = (low - eye) / rays, (high - eye) / rays
        enter, leave = np.minimum(near, far).max(axis=-1), np.maximum(near, far).min(axis=-1)
        hit = (enter <= leave) & (enter > 0) & ~(enter > t)
        t, owner = np.where(hit, enter, t), np.where(hit, k, owner)
    cloud = (eye + rays * t[..., None]).astype(np.float32)
    objects = []
    for k, (centre, size) in enumerate(zip(centres, sizes, strict=True)):
        mask = owner == k
        objects.append(
            SceneObject(
                object_id=k,
                mask=mask,
                bbox_px=(0, 0, 1, 1),
                points_base_m=cloud[mask].astype(np.float64),
                T_base_box=geometry.make_transform(None, (*centre, size[2] / 2)),
                size_m=size,
                colour="grey",
                rgb=np.zeros(3),
                shape="box",
                shape_scores={},
            )
        )
    frame = Frame(
        rgb=np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        depth_m=t.astype(np.float32),
        K=K,
        T_base_camera=T,
        stamp_ns=0,
        frame_id="camera",
    )
    plane = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)
    return frame, Scene(stamp_ns=0, points_base_m=cloud, plane=plane, objects=tuple(objects))


def random_trace(rng: np.random.Generator, frame: Frame) -> Trace:
    """A slightly wavy line between two points on the table."""
    ends = np.array([(*rng.uniform((0.4, -0.25), (0.58, -0.05)), 0.0), (*rng.uniform((0.4, 0.05), (0.58, 0.25)), 0.0)])
    uv = geometry.project(frame.K, geometry.apply(geometry.invert(frame.T_base_camera), ends))
    share = np.linspace(0.0, 1.0, 8)[:, None]
    line = uv[0] + share * (uv[1] - uv[0]) + rng.normal(0, 4.0, (8, 2)) * (share * (1 - share) * 4)
    return Trace(uv=np.clip(line, 0, (WIDTH - 1, HEIGHT - 1)), width_px=WIDTH, height_px=HEIGHT)


class Clock:
    """Collects durations by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.failed: dict[str, int] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        """Does the work and keeps how long it took; a plan that is refused counts as failed and gives None."""
        begin = time.perf_counter()
        try:
            return work()
        except PlanningError:
            self.failed[name] = self.failed.get(name, 0) + 1
            return None
        finally:
            self.seconds.setdefault(name, []).append(time.perf_counter() - begin)

    def report(self) -> dict[str, dict[str, float]]:
        """Milliseconds: p50, p95, p99 and the largest, with counts."""
        out = {}
        for name, seconds in self.seconds.items():
            p50, p95, p99 = np.percentile(seconds, [50, 95, 99]) * 1e3
            out[name] = {
                "p50_ms": round(float(p50), 4),
                "p95_ms": round(float(p95), 4),
                "p99_ms": round(float(p99), 4),
                "max_ms": round(max(seconds) * 1e3, 4),
                "count": len(seconds),
                "failed": self.failed.get(name, 0),
            }
        return out


def run(rounds: int, seed: int) -> dict[str, dict[str, float]]:
    """All measurements.

    Args:
        rounds: How many times each is taken.
        seed: Seed of the scenes, traces and goals.
    """
    rng = np.random.default_rng(seed)
    robot = load_robot("fr3")
    model = RobotModel.from_config(robot)
    world = CollisionWorld.from_config(model, robot)
    planner = OmplPlanner(model, world)
    ready = robot.poses["ready"]
    clock = Clock()
    model.ik(geometry.make_transform(DOWN, (0.5, 0.0, 0.2)), ready)
    for k in range(rounds):
        frame, scene = table_scene(rng)
        world.set_scene(scene)
        _trace(clock, rng, model, frame, scene, ready)
        _contact(clock, rng, world, ready)
        start, goal = (
            geometry.make_transform(DOWN, (rng.uniform(0.4, 0.55), y * rng.uniform(0.1, 0.3), rng.uniform(0.12, 0.3)))
            for y in (-1.0, 1.0)
        )
        q_start = clock.time("IK, one pose", partial(model.ik, start, ready))
        if q_start is None:
            continue
        path = clock.time("plan, free space", partial(planner.plan_free, q_start, goal, seed=k))
        if path is not None:
            clock.time("timing of a path", partial(time_parameterise, path, model.limits, speed=0.5))
        lower = start.copy()
        lower[2, 3] -= 0.08
        clock.time("plan, straight 8 cm", partial(planner.plan_linear, q_start, lower, margin_m=0.0))
        poses = np.array([_random_grasp(rng) for _ in range(1000)])
        clock.time("IK, 1000 grasps", partial(model.ik_batch, poses, ready))
    return clock.report()


def _trace(
    clock: Clock,
    rng: np.random.Generator,
    model: RobotModel,
    frame: Frame,
    scene: Scene,
    ready: npt.NDArray[np.float64],
) -> None:
    trace = random_trace(rng, frame)
    first = lift_trace(trace, scene, frame).points_base_m
    if first is None:
        return
    above = np.array([0.0, 0.0, 0.05])
    q_start = model.ik(geometry.make_transform(DOWN, first[0] + above), ready)

    def whole() -> Any:
        points = lift_trace(trace, scene, frame).points_base_m
        if points is None:
            return None
        poses = np.array([geometry.make_transform(DOWN, point + above) for point in points])
        return time_parameterise(follow_poses(model, q_start, poses), model.limits, speed=0.3)

    clock.time("trace: lift only", partial(lift_trace, trace, scene, frame))
    clock.time("trace: lift, IK and limits of 32 waypoints", whole)


def _contact(clock: Clock, rng: np.random.Generator, world: CollisionWorld, ready: npt.NDArray[np.float64]) -> None:
    world.in_collision(ready)
    for q in ready + rng.normal(0, 0.3, (20, len(ready))):
        clock.time("contact, table and 6 boxes", partial(world.in_collision, q))


def _random_grasp(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    turn = geometry.rotation_z(rng.uniform(-np.pi / 2, np.pi / 2)) @ geometry.rotation_x(rng.uniform(-0.4, 0.4))
    return geometry.make_transform(DOWN @ turn, rng.uniform((0.35, -0.3, 0.01), (0.6, 0.3, 0.2)))


def command(
    rounds: Annotated[int, typer.Option("--rounds", "-n", min=1, help="How often each is measured.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of scenes, traces and goals.")] = 0,
    json: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")] = None,
) -> None:
    """Time the motion part: traces to trajectories, inverse kinematics, contact, plans, timing."""
    from rich.console import Console
    from rich.table import Table

    report = run(rounds, seed)
    met = {name: report[name]["p95_ms"] <= budget for name, budget in BUDGET_MS.items()}
    if json is not None:
        content = {"rounds": rounds, "seed": seed, "milliseconds": report, "budget_p95_ms": BUDGET_MS, "met": met}
        json.write_text(json_format.dumps(content, indent=2) + "\n", encoding="utf-8")
    table = Table("what", "p50 ms", "p95 ms", "p99 ms", "largest", "n", "refused", title="Motion")
    for name, row in report.items():
        keys = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
        table.add_row(name, *(f"{row[key]:.3g}" for key in keys), str(row["count"]), str(row["failed"]))
    Console().print(table)
    for name, budget in BUDGET_MS.items():
        Console().print(f"{name}: p95 {report[name]['p95_ms']:.1f} ms, budget {budget:.0f} ms")
    if not all(met.values()):
        raise typer.Exit(1)

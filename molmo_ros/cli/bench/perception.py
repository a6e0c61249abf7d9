"""Score object detection on labelled RGB-D scenes, and time the cloud and the whole of perception."""

from __future__ import annotations

import json as json_format
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

if TYPE_CHECKING:
    from molmo_ros.core.scene import Scene, SceneObject
    from molmo_ros.core.types import Frame
    from molmo_ros.perception import PerceptionConfig

# Pinhole of the Object Segmentation Database's Kinect; labels number objects in tens from 20.
OSD_FOCAL_PX = 525.0
OSD_CENTRE_PX = (319.5, 239.5)
FIRST_OBJECT_LABEL = 20
MIN_IOU = 0.5
HAND_ROOM_M = 0.004
BUDGET_MS = {"cloud": 3.0, "perception": 33.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledScene:
    """One RGB-D image and the masks of its objects.

    Attributes:
        name: File name without its suffixes.
        frame: The image; its base frame is the camera.
        truth: (M, H, W) masks of the objects.
        labelled: (H, W) pixels that carry a label.
    """

    name: str
    frame: Frame
    truth: np.ndarray[Any, np.dtype[np.bool_]]
    labelled: np.ndarray[Any, np.dtype[np.bool_]]


def load_scenes(folder: Path) -> list[LabelledScene]:
    """Scenes of a folder in the Object Segmentation Database's layout: ``*_color.png``, ``*_depth.png``, ``*_label.png``.

    Depth is 16-bit millimetres with 0 for unknown; labels below 20 are the table or unknown, ``label // 10 - 1`` numbers
    the objects.

    Raises:
        MolmoRosError: CONFIG_INVALID when the folder holds no such scene, or a part of one is missing.
    """
    import cv2

    from molmo_ros.core.types import Frame

    scenes = []
    for colour_path in sorted(folder.glob("*_color.png")):
        name = colour_path.name.removesuffix("_color.png")
        parts = [colour_path, folder / f"{name}_depth.png", folder / f"{name}_label.png"]
        images: list[Any] = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in parts]
        for path, image in zip(parts, images, strict=True):
            if image is None:
                raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{path} is missing or not an image")
        colour, depth, label = images
        depth_m = depth.astype(np.float32) / 1000.0
        depth_m[depth == 0] = np.nan
        scale = colour.shape[1] / 640.0
        u, v = (scale * (c + 0.5) - 0.5 for c in OSD_CENTRE_PX)
        K = np.array([[scale * OSD_FOCAL_PX, 0.0, u], [0.0, scale * OSD_FOCAL_PX, v], [0.0, 0.0, 1.0]])
        rgb = np.ascontiguousarray(colour[..., ::-1][..., :3])
        frame = Frame(rgb=rgb, depth_m=depth_m, K=K, T_base_camera=np.eye(4), stamp_ns=0, frame_id=name)
        numbers = np.where(label >= FIRST_OBJECT_LABEL, label // 10 - 1, 0)
        truth = np.stack([numbers == k for k in range(1, int(numbers.max(initial=1)) + 1) if np.any(numbers == k)])
        scenes.append(LabelledScene(name=name, frame=frame, truth=truth, labelled=label > 0))
    if not scenes:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{folder} holds no *_color.png with depth and labels beside it")
    return scenes


def score(scene: LabelledScene, found: tuple[SceneObject, ...]) -> dict[str, Any]:
    """Match found objects with true ones, best overlap first, each at most once.

    Pixels without a label count neither for nor against an object.
    """
    masks = [item.mask & scene.labelled for item in found]
    overlap = np.zeros((len(masks), len(scene.truth)))
    for i, mask in enumerate(masks):
        for j, truth in enumerate(scene.truth):
            overlap[i, j] = np.count_nonzero(mask & truth) / max(np.count_nonzero(mask | truth), 1)
    best = overlap.max(axis=0, initial=0.0)
    matched: list[float] = []
    left = overlap.copy()
    while left.size and left.max() >= MIN_IOU:
        row, column = divmod(int(left.argmax()), left.shape[1])
        matched.append(float(left[row, column]))
        left[row, :] = left[:, column] = -1.0
    return {
        "objects": len(scene.truth),
        "found": len(found),
        "matched": len(matched),
        "recall": len(matched) / max(len(scene.truth), 1),
        "precision": len(matched) / max(len(found), 1),
        "mean_iou": float(best.mean()) if len(best) else 0.0,
        "iou": [round(float(value), 3) for value in best],
    }


def grasp_report(scene: Scene) -> list[dict[str, Any]]:
    """Per found object: whether the hand can take it at all, and its grasp candidates.

    An object can be taken when it is narrower than the hand somewhere, or has a rim to close on.
    """
    from molmo_ros.core.types import GraspStatus
    from molmo_ros.grasping import FRANKA_HAND, propose_grasps
    from molmo_ros.grasping.rim import VESSELS

    grasps = propose_grasps(scene)
    report = []
    for item in scene.objects:
        own = [g for g in grasps if g.object_id == item.object_id]
        accepted = [g for g in own if g.status is GraspStatus.ACCEPTED]
        narrow = float(min(item.size_m[:2])) <= FRANKA_HAND.max_width_m - HAND_ROOM_M
        report.append(
            {
                "object": f"{item.colour} {item.shape}",
                "size_m": [round(float(v), 3) for v in item.size_m],
                "fits_hand": narrow or item.shape in VESSELS,
                "candidates": len(accepted),
                "reason": "" if accepted else own[0].reason if own else "",
            }
        )
    return report


def percentiles(seconds: list[float]) -> dict[str, float]:
    """The 50th, 95th and 99th percentile [ms]."""
    return {f"p{q}": round(1000.0 * float(np.percentile(seconds, q)), 3) for q in (50, 95, 99)}


def measure_times(frames: list[Frame], config: PerceptionConfig, repeats: int) -> dict[str, dict[str, float]]:
    """Percentiles of the time for the cloud alone and for the whole of perception, on one thread [ms].

    ``*_cpu`` is the time this thread had the processor, which other programs on the machine do not lengthen.
    """
    import cv2

    from molmo_ros.perception import make_cloud, perceive

    cv2.setNumThreads(1)
    times: dict[str, list[float]] = {"cloud": [], "perception": [], "cloud_cpu": [], "perception_cpu": []}
    for frame in frames:
        perceive(frame, config)
    for _ in range(repeats):
        for frame in frames:
            for name, work in (
                ("cloud", partial(make_cloud, frame, config.max_depth_m)),
                ("perception", partial(perceive, frame, config)),
            ):
                start, start_cpu = time.perf_counter(), time.thread_time()
                work()
                times[name].append(time.perf_counter() - start)
                times[f"{name}_cpu"].append(time.thread_time() - start_cpu)
    return {name: percentiles(values) for name, values in times.items()}


def run(folder: Path, repeats: int, pictures: Path | None = None) -> dict[str, Any]:
    """Score and time every scene of a folder.

    Raises:
        MolmoRosError: CONFIG_INVALID for a folder without scenes; faults of perception.
    """
    from molmo_ros.perception import PerceptionConfig, level_frame, perceive

    config = PerceptionConfig(support_height_m=None)
    rows, frames = [], []
    for labelled in load_scenes(folder):
        frame = level_frame(labelled.frame, config)
        scene = perceive(frame, config)
        frames.append(frame)
        rows.append({"name": labelled.name, **score(labelled, scene.objects), "grasps": grasp_report(scene)})
        if pictures is not None:
            draw(pictures / f"{labelled.name}.png", frame, scene)
    total = {key: sum(row[key] for row in rows) for key in ("objects", "found", "matched")}
    takeable = [grasp for row in rows for grasp in row["grasps"] if grasp["fits_hand"]]
    return {
        "scenes": rows,
        "total": {
            **total,
            "recall": total["matched"] / max(total["objects"], 1),
            "precision": total["matched"] / max(total["found"], 1),
            "mean_iou": float(np.mean([value for row in rows for value in row["iou"]])),
            "takeable": len(takeable),
            "takeable_with_candidates": sum(grasp["candidates"] > 0 for grasp in takeable),
        },
        "min_iou": MIN_IOU,
        "budget_ms": BUDGET_MS,
        "times_ms": measure_times(frames, config, repeats),
    }


def draw(path: Path, frame: Frame, scene: Scene) -> None:
    """Write the image with the found objects tinted and named."""
    import cv2

    image = np.ascontiguousarray(frame.rgb[..., ::-1])
    palette = np.random.default_rng(7).integers(60, 255, size=(max(len(scene.objects), 1), 3))
    for item in scene.objects:
        image[item.mask] = (0.45 * image[item.mask] + 0.55 * palette[item.object_id]).astype(np.uint8)
        place = (item.bbox_px[0], max(12, item.bbox_px[1] - 4))
        cv2.putText(image, f"{item.colour} {item.shape}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image):
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{path} cannot be written")


def command(
    data: Annotated[Path, typer.Option(help="Folder of *_color.png, *_depth.png, *_label.png scenes.")],
    json: Annotated[Path | None, typer.Option(help="Write the report here as well.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed passes over all scenes.")] = 10,
    pictures: Annotated[Path | None, typer.Option(help="Folder for pictures of what was found.")] = None,
) -> None:
    """Score object detection on labelled RGB-D scenes, and time the cloud and the whole of perception."""
    from rich.console import Console
    from rich.table import Table

    report = run(data, repeats, pictures)
    console = Console()
    table = Table(
        "scene", "objects", "found", "matched", "recall", "precision", "IoU of each", "grasps", title=str(data)
    )
    for row in report["scenes"]:
        fitting = [grasp for grasp in row["grasps"] if grasp["fits_hand"]]
        table.add_row(
            row["name"],
            *(str(row[key]) for key in ("objects", "found", "matched")),
            " ".join(f"{value:.2f}" for value in row["iou"]),
            f"{sum(grasp['candidates'] > 0 for grasp in fitting)}/{len(fitting)}",
        )
    console.print(table)
    total = report["total"]
    console.print(
        f"recall {total['recall']:.3f}, precision {total['precision']:.3f} at IoU >= {MIN_IOU}, "
        f"mean IoU {total['mean_iou']:.3f}; grasp candidates on {total['takeable_with_candidates']} of "
        f"{total['takeable']} objects the hand can take"
    )
    for name, budget in BUDGET_MS.items():
        wall, cpu = report["times_ms"][name], report["times_ms"][f"{name}_cpu"]
        console.print(
            f"{name}: p50 {wall['p50']:.2f}, p95 {wall['p95']:.2f}, p99 {wall['p99']:.2f} ms "
            f"(processor time p95 {cpu['p95']:.2f} ms); budget p95 {budget:.0f} ms"
        )
    if json is not None:
        try:
            json.write_text(json_format.dumps(report, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{json} cannot be written: {error.strerror}") from error

"""Overhead of asking a policy on another process: encode, send, decode, answer; without the model."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Annotated

import typer

CONTRACT = "molmoact2_droid_fr3"
BUDGET_MS = 10.0


def command(
    count: Annotated[int, typer.Option(help="Requests.", min=10)] = 200,
) -> None:
    """Time requests of two 640x360 images to an /act server whose policy answers at once.

    Budget: 10 ms on top of the model's own time, median, on an idle machine.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from molmo_ros.cli.contracts import find
    from molmo_ros.core.errors import ErrorCode, MolmoRosError
    from molmo_ros.core.robot import JointState
    from molmo_ros.models.protocols import Observation
    from molmo_ros.models.registry import ModelSpec
    from molmo_ros.models.servers.act_client import ActClient

    contract = next(find([CONTRACT]))
    process = subprocess.Popen(
        [sys.executable, "-m", "molmo_ros.cli.bench._still_server", CONTRACT], stdout=subprocess.PIPE, text=True
    )
    try:
        port = (process.stdout.readline() if process.stdout is not None else "").strip()
        if not port.isdigit():
            raise MolmoRosError(ErrorCode.MODEL_UNAVAILABLE, "The server of the measurement did not start.")
        client = ActClient(
            ModelSpec(backend="molmoact2", options={"url": f"http://127.0.0.1:{port}"}), {"contract": contract}
        )
        rng = np.random.default_rng(0)
        names = tuple(n for n in contract.state_names if "gripper" not in n)
        zero = np.zeros(len(names))
        images = {c.name: rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for c in contract.cameras}
        joints = JointState(names=names, positions=zero, velocities=zero, efforts=zero, stamp_ns=0)
        seen = Observation(images=images, joints=joints, gripper_width_m=0.04, stamp_ns=0)
        wall, own = [], []
        for i in track(range(count + 5), "requests", console=Console(stderr=True)):
            started, worked = time.perf_counter(), time.thread_time()
            thought, chunk = client.act(seen, "stay")
            if chunk is None:
                raise MolmoRosError(thought.code, thought.message)
            if i >= 5:
                wall.append((time.perf_counter() - started - thought.phase_s["server_total"]) * 1e3)
                own.append((time.thread_time() - worked) * 1e3)
        client.close()
    finally:
        process.kill()
        process.wait()
    p50, p95 = np.percentile(wall, [50, 95])
    console = Console(highlight=False)
    console.print(f"/act, two images of 640x360, {count} requests: {p50:.1f} ms p50, {p95:.1f} ms p95 beside the model")
    console.print(f"the client's own processor time: {np.median(own):.1f} ms p50")
    console.print("within the budget" if p50 <= BUDGET_MS else f"over the budget of {BUDGET_MS:.0f} ms")
    if p50 > BUDGET_MS:
        raise typer.Exit(1)

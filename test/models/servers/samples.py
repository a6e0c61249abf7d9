"""Contracts and observations as the clients get them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ros.core.contract import EmbodimentContract, load_contract
from molmo_ros.core.robot import JointState
from molmo_ros.models.protocols import Observation
from molmo_ros.models.registry import ModelSpec, build_model

CONTRACTS = Path(__file__).parents[3] / "config" / "contracts"
Q = np.array([0.1, -0.7, 0.2, -2.3, 0.0, 1.6, 0.3])


def contract(name: str) -> EmbodimentContract:
    return load_contract(CONTRACTS / f"{name}.yaml")


def joints(names: tuple[str, ...], values: np.ndarray, stamp_ns: int = 5) -> JointState:
    return JointState(names=names, positions=values, velocities=values * 0, efforts=values * 0, stamp_ns=stamp_ns)


def fr3(c: EmbodimentContract, **changes: Any) -> Observation:
    names = tuple(n for n in c.state_names if "gripper" not in n)
    images = {cam.name: np.full((720, 1280, 3), 40 * (i + 1), dtype=np.uint8) for i, cam in enumerate(c.cameras)}
    return Observation(
        **{"images": images, "joints": joints(names, Q), "gripper_width_m": 0.02, "stamp_ns": 5, **changes}
    )


def rby1(c: EmbodimentContract, **changes: Any) -> Observation:
    names = tuple(f"{side}_arm_{i}" for side in ("left", "right") for i in range(7))
    names += tuple(f"torso_{i}" for i in range(6))
    T = np.eye(4)
    T[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    T[:2, 3] = [2.0, -1.0]
    images = {cam.name: np.zeros((576, 1024, 3), dtype=np.uint8) for cam in c.cameras}
    values = np.linspace(-1, 1, len(names))
    return Observation(
        **{"images": images, "joints": joints(names, values), "gripper_width_m": 0.1, "stamp_ns": 5,
           "T_odom_base": T, **changes}
    )  # fmt: skip


def model(backend: str, contract_name: str = "", dt_s: float = 0.0, **options: Any) -> Any:
    """A model under a contract; with another time between actions where the test's machine may be slow."""
    context = {}
    if contract_name:
        named = contract(contract_name)
        context["contract"] = replace(named, dt_s=dt_s or named.dt_s)
    return build_model(ModelSpec(backend=backend, checkpoint=options.pop("checkpoint", ""), options=options), context)

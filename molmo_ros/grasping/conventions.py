"""Grasp frames of the field and ours, and the way between them.

Ours, ``tcp``: origin between the finger tips, +z approach, +y closing (the URDF's hand turned to its TCP).
``hand_x``: GraspMolmo, PRISM, M2T2, ACRONYM, GraspGen, Contact-GraspNet: origin at the hand's base, +z approach,
+x closing. ``graspnet``: graspnetAPI and AnyGrasp: origin at the grasp centre, +x approach, +y closing.
A grasp and its half turn about the approach are the same grasp to a parallel hand.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from molmo_ros.core.geometry import make_transform, rotation_z
from molmo_ros.grasping.hand import FRANKA_HAND, HandGeometry

Array = npt.NDArray[np.float64]

# Contact-based models place the finger tips 0.112 m from the hand's base.
MODEL_TIP_M = 0.112


def flip(T_a_tcp: Array) -> Array:
    """The same parallel grasp turned half about its approach; (..., 4, 4)."""
    return np.asarray(T_a_tcp @ make_transform(rotation_z(np.pi)))


def tcp_to_hand_x(T_a_tcp: Array, hand: HandGeometry = FRANKA_HAND) -> Array:
    """Our grasps (..., 4, 4) as hand-base, x-closing grasps."""
    return np.asarray(T_a_tcp @ make_transform(rotation_z(-np.pi / 2), (0.0, 0.0, -hand.tcp_from_base_m)))


def hand_x_to_tcp(T_a_hand: Array, hand: HandGeometry = FRANKA_HAND) -> Array:
    """Hand-base, x-closing grasps (..., 4, 4) as ours; the inverse of :func:`tcp_to_hand_x`."""
    return np.asarray(T_a_hand @ make_transform(rotation_z(np.pi / 2), (0.0, 0.0, hand.tcp_from_base_m)))


def hand_x_to_link8(T_a_hand: Array) -> Array:
    """Target of the flange link8 for an x-closing grasp: 90 degrees to y-closing and the 45 of the hand's mount."""
    return np.asarray(T_a_hand @ make_transform(rotation_z(np.radians(135.0))))


def tcp_to_link8(T_a_tcp: Array, hand: HandGeometry = FRANKA_HAND) -> Array:
    """Target of the arm's flange link8 for our grasps: back to the hand's base, then its mount of -45 degrees."""
    return np.asarray(T_a_tcp @ make_transform(rotation_z(np.pi / 4), (0.0, 0.0, -hand.tcp_from_base_m)))


def graspnet_to_hand_x(T_a_graspnet: Array, depth_m: float) -> Array:
    """Grasps of graspnetAPI (..., 4, 4) as hand-base, x-closing grasps with the finger tips at graspnet's finger end."""
    permute = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    return np.asarray(T_a_graspnet @ make_transform(permute, (depth_m - MODEL_TIP_M, 0.0, 0.0)))

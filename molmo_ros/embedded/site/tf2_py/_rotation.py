"""Quaternion arithmetic on plain tuples ``(x, y, z, w)``: faster than numpy for a single rotation."""

from __future__ import annotations

import math

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)
ORIGIN: Vector = (0.0, 0.0, 0.0)


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Return the rotation that applies ``b`` first and then ``a``."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def conjugate(q: Quaternion) -> Quaternion:
    """Return the inverse of a unit quaternion."""
    return (-q[0], -q[1], -q[2], q[3])


def rotate(q: Quaternion, v: Vector) -> Vector:
    """Rotate a vector by a unit quaternion (``v + 2 w (u x v) + 2 u x (u x v)``)."""
    x, y, z, w = q
    vx, vy, vz = v
    cx = 2.0 * (y * vz - z * vy)
    cy = 2.0 * (z * vx - x * vz)
    cz = 2.0 * (x * vy - y * vx)
    return (
        vx + w * cx + y * cz - z * cy,
        vy + w * cy + z * cx - x * cz,
        vz + w * cz + x * cy - y * cx,
    )


def add(a: Vector, b: Vector) -> Vector:
    """Return the sum of two vectors."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def subtract(a: Vector, b: Vector) -> Vector:
    """Return ``a - b``."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(v: Vector, factor: float) -> Vector:
    """Return a vector times a number."""
    return (v[0] * factor, v[1] * factor, v[2] * factor)


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def interpolate(a: Vector, b: Vector, ratio: float) -> Vector:
    """Return the point at ``ratio`` (0..1) of the way from ``a`` to ``b``."""
    keep = 1.0 - ratio
    return (
        a[0] * keep + b[0] * ratio,
        a[1] * keep + b[1] * ratio,
        a[2] * keep + b[2] * ratio,
    )


def slerp(a: Quaternion, b: Quaternion, ratio: float) -> Quaternion:
    """Interpolate between two rotations along the shorter arc."""
    dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    sign = 1.0
    if dot < 0.0:
        dot, sign = -dot, -1.0
    angle = math.acos(min(1.0, dot))
    sine = math.sin(angle)
    if sine < 1e-9:
        keep, take = 1.0 - ratio, sign * ratio
    else:
        keep = math.sin((1.0 - ratio) * angle) / sine
        take = sign * math.sin(ratio * angle) / sine
    x = keep * a[0] + take * b[0]
    y = keep * a[1] + take * b[1]
    z = keep * a[2] + take * b[2]
    w = keep * a[3] + take * b[3]
    norm = math.sqrt(x * x + y * y + z * z + w * w) or 1.0
    return (x / norm, y / norm, z / norm, w / norm)


def rotation_vector(q: Quaternion) -> Vector:
    """Return axis times angle (rad) of a unit quaternion, the angle in [0, pi]."""
    x, y, z, w = q
    if w < 0.0:
        x, y, z, w = -x, -y, -z, -w
    sine = math.sqrt(x * x + y * y + z * z)
    if sine < 1e-12:
        return (2.0 * x, 2.0 * y, 2.0 * z)
    factor = 2.0 * math.atan2(sine, w) / sine
    return (x * factor, y * factor, z * factor)

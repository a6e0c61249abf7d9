"""What the buffer says: faults of incoming transforms, and the tree as YAML and as a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ._cache import StaticCache, TimeCache, format_stamp
from ._rotation import Quaternion, Vector

Frames = Mapping[str, TimeCache | StaticCache | None]

# A rate is never computed over less than this, so that a single sample has one too.
SHORTEST_SPAN_NS = 100_000


def fault_of(parent: str, child: str, translation: Vector, rotation: Quaternion, tolerance: float) -> str:
    """Return why a transform cannot be stored, with a place for the authority, or nothing."""
    quoted = child.replace("{", "{{").replace("}", "}}")
    if child == parent:
        return (
            'TF_SELF_TRANSFORM: Ignoring transform from authority "{authority}" with frame_id and '
            f' child_frame_id "{quoted}" because they are the same'
        )
    if not child:
        return 'TF_NO_CHILD_FRAME_ID: Ignoring transform from authority "{authority}" because child_frame_id not set '
    if not parent:
        return (
            f'TF_NO_FRAME_ID: Ignoring transform with child_frame_id "{quoted}"  from authority '
            '"{authority}" because frame_id not set'
        )
    values = " ".join(f"{v:f}" for v in translation), " ".join(f"{v:f}" for v in rotation)
    if any(math.isnan(v) for v in (*translation, *rotation)):
        return (
            f'TF_NAN_INPUT: Ignoring transform for child_frame_id "{quoted}" from authority '
            '"{authority}" because of a nan value in the transform '
            f"({values[0]}) ({values[1]})"
        )
    if not abs(sum(c * c for c in rotation) - 1.0) < tolerance:
        return (
            f'TF_DENORMALIZED_QUATERNION: Ignoring transform for child_frame_id "{quoted}" from '
            'authority "{authority}" because of an invalid quaternion in the transform '
            f"({values[1]})"
        )
    return ""


def error(text: str) -> None:
    """Log a fault."""
    import rclpy.logging

    rclpy.logging.get_logger("tf2").error(text)


def old_data(child: str, stamp_ns: int, authority: str) -> None:
    """Log that a transform came too late to be stored."""
    import rclpy.logging

    rclpy.logging.get_logger("tf2").warning(
        f"TF_OLD_DATA ignoring data from the past for frame {child} at time "
        f"{format_stamp(stamp_ns)} according to authority {authority}\n"
        "Possible reasons are listed at http://wiki.ros.org/tf/Errors%20explained"
    )


def _rate_hz(cache: TimeCache | StaticCache) -> float:
    span_ns = max(cache.latest_stamp_ns - cache.oldest_stamp_ns, SHORTEST_SPAN_NS)
    return len(cache) * 1e9 / span_ns


def frames_as_yaml(frames: Frames, authorities: Mapping[str, str]) -> str:
    """Return the tree as a YAML mapping from frame to its parent, broadcaster and times."""
    if not frames:
        return "[]"
    lines: list[str] = []
    for name, cache in frames.items():
        if cache is None or cache.latest is None:
            continue
        lines += [
            f"{name}: ",
            f"  parent: '{cache.latest.parent}'",
            f"  broadcaster: '{authorities.get(name, 'no recorded authority')}'",
            f"  rate: {_rate_hz(cache):.3f}",
            f"  most_recent_transform: {format_stamp(cache.latest_stamp_ns)}",
            f"  oldest_transform: {format_stamp(cache.oldest_stamp_ns)}",
            f"  buffer_length: {(cache.latest_stamp_ns - cache.oldest_stamp_ns) / 1e9:.3f}",
        ]
    return "".join(f"{line}\n" for line in lines)


def frames_as_dot(frames: Frames, authorities: Mapping[str, str], now_ns: int) -> str:
    """Return the tree in graphviz' language."""
    edges: list[str] = []
    roots: list[str] = []
    for name, cache in frames.items():
        if cache is None or cache.latest is None:
            roots.append(name)
            continue
        age = f"( {(now_ns - cache.latest_stamp_ns) / 1e9:.3f} sec old)" if now_ns else ""
        label = (
            f"Broadcaster: {authorities.get(name, 'no recorded authority')}\\n"
            f"Average rate: {_rate_hz(cache):.3f} Hz\\n"
            f"Most recent transform: {format_stamp(cache.latest_stamp_ns)} {age}\\n"
            f"Buffer length: {(cache.latest_stamp_ns - cache.oldest_stamp_ns) / 1e9:.3f} sec\\n"
        )
        edges.append(f'"{cache.latest.parent}" -> "{name}"[label="{label}"];')
    if not frames:
        edges.append('"no tf data recieved"')
    if now_ns:
        recorded = f'"Recorded at time: {format_stamp(now_ns)}"[ shape=plaintext ] ;'
        for root in roots:
            edges += [
                "edge [style=invis];",
                ' subgraph cluster_legend { style=bold; color=black; label ="view_frames Result";',
                f' {recorded} }}->"{root}";',
            ]
    return "\n".join(["digraph G {", *edges, "}"])

"""Files that describe QoS profiles and outputs for the bag commands, in rosbag2's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from molmo_ros.cli.ros.node import refuse


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise refuse(f"cannot read '{path}': {(error.strerror or str(error)).lower()}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refuse(f"'{path}' is not YAML") from error
    if not isinstance(content, dict):
        raise refuse(f"'{path}' holds no mapping")
    return content


def qos_overrides(path: Path) -> dict[str, Any]:
    """QoS profiles by topic, from a file such as `/topic: {reliability: best_effort, depth: 5}`.

    Raises:
        MolmoRosError: when the file or a profile cannot be used.
    """
    from molmo_ros.embedded.bags.qos import qos_from_dict, qos_to_rclpy

    profiles = {}
    for topic, values in _read(path).items():
        try:
            profiles[str(topic)] = qos_to_rclpy(qos_from_dict(values))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise refuse(f"the QoS profile of '{topic}' in '{path}' cannot be used: {error}") from error
    return profiles


def outputs(path: Path, *, storage: str, compression: str, topics: list[str]) -> list[dict[str, Any]]:
    """What to write: one folder, or the `output_bags` of rosbag2's options file.

    Returns:
        Arguments of `molmo_ros.embedded.bags.convert`, with the folder as `target`.

    Raises:
        MolmoRosError: when the file cannot be used.
    """
    from molmo_ros.embedded.bags import TopicFilter

    if path.suffix not in (".yaml", ".yml"):
        selection = TopicFilter(topics=topics) if topics else None
        return [{"target": path, "storage": storage, "compression": compression, "selection": selection}]
    entries = _read(path).get("output_bags")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "uri" in entry for entry in entries):
        raise refuse(f"'{path}' has no list output_bags whose entries have a uri")
    return [
        {
            "target": Path(str(entry["uri"])),
            "storage": str(entry.get("storage_id") or "mcap"),
            "compression": str(entry.get("compression_format") or ""),
            "max_file_bytes": int(entry.get("max_bagfile_size") or 0),
            "max_file_duration_ns": int(float(entry.get("max_bagfile_duration") or 0.0) * 1e9),
            "selection": TopicFilter(
                topics=[] if entry.get("all") or entry.get("all_topics") else list(entry.get("topics") or []),
                regex=str(entry.get("regex") or ""),
                exclude_topics=list(entry.get("exclude_topics") or []),
                exclude_regex=str(entry.get("exclude_regex") or ""),
            ),
        }
        for entry in entries
    ]

"""Published safetensors checkpoints: indexed without reading, verified, and streamed tensor by tensor.

A model of 8 B parameters in float32 is larger than most machines' memory. So the module is built without storage
(on torch's meta device) and each tensor is read, converted and assigned on its own; nothing else stays in memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from molmo_ros.models.errors import CheckpointError

MAX_HEADER_BYTES = 64 * 1024 * 1024
INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One stored tensor.

    Attributes:
        shape: As stored.
        dtype: safetensors name of the data type, e.g. "F32".
        shard: File name.
    """

    shape: tuple[int, ...]
    dtype: str
    shard: str

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return math.prod(self.shape) * _SIZES[self.dtype]


def read_header(path: Path) -> dict[str, Entry]:
    """Read names, shapes and types of a safetensors file, checking every claim against the file's size.

    Raises:
        CheckpointError: The file is missing, cut short or not safetensors.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(MAX_HEADER_BYTES, size - 8):
                raise CheckpointError(f"{path.name} claims a header of {length} bytes; it is damaged.")
            header = json.loads(file.read(length))
        entries = {}
        for name, info in header.items():
            if name == "__metadata__":
                continue
            entry = Entry(shape=tuple(int(n) for n in info["shape"]), dtype=info["dtype"], shard=path.name)
            start, end = info["data_offsets"]
            if end - start != entry.bytes or not 0 <= start <= end <= size - 8 - length:
                raise CheckpointError(f"{path.name} is cut short or damaged at '{name}'; download it again.")
            entries[name] = entry
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        raise CheckpointError(f"The checkpoint lacks {path.name}; download it to {path.parent}.") from error
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file.") from error
    return entries


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder with ``config.json`` and one or more safetensors shards.

    Attributes:
        folder: Where it lies.
        config: Parsed ``config.json``.
        entries: Stored tensors by name.
        revision: Commit the folder was downloaded at, "" if it does not say.
    """

    folder: Path
    config: Mapping[str, Any]
    entries: Mapping[str, Entry] = field(repr=False)
    revision: str = ""

    @property
    def total_bytes(self) -> int:
        """Size of all tensors on disk."""
        return sum(entry.bytes for entry in self.entries.values())

    def read(self, names: Iterable[str], progress: Progress | None = None) -> Iterator[tuple[str, Tensor]]:
        """Read tensors one after the other, shard by shard.

        Args:
            names: Which ones.
            progress: Called with (name, bytes read so far, bytes in all).
        """
        from safetensors import safe_open

        wanted = set(names)
        total = sum(self.entries[name].bytes for name in wanted)
        done = 0
        for shard in sorted({self.entries[name].shard for name in wanted}):
            with safe_open(self.folder / shard, framework="pt") as file:
                for name in sorted(n for n in wanted if self.entries[n].shard == shard):
                    tensor: Tensor = file.get_tensor(name)
                    done += self.entries[name].bytes
                    yield name, tensor
                    if progress is not None:
                        progress(name, done, total)


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object of a checkpoint.

    Raises:
        CheckpointError: It is missing or not an object.
    """
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"The checkpoint lacks {path.name}; download it to {path.parent}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is not readable JSON.") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path.name} holds no JSON object.")
    return loaded


def open_checkpoint(folder: Path, *, revision: str = "", sha256: Mapping[str, str] | None = None) -> Checkpoint:
    """Index a checkpoint folder.

    Args:
        folder: With ``config.json`` and the shards.
        revision: Pinned commit; refused if the folder says another one. "" accepts any.
        sha256: Pinned digests by file name; each named file is hashed and compared.

    Raises:
        CheckpointError: Something is missing, damaged or not what was pinned.
    """
    if not folder.is_dir():
        raise CheckpointError(f"There is no checkpoint folder at {folder}.")
    config = read_json(folder / "config.json")
    found = downloaded_revision(folder)
    if revision and found and found != revision:
        raise CheckpointError(f"The checkpoint at {folder} is revision {found}, but {revision} is pinned.")
    for name, digest in (sha256 or {}).items():
        check_digest(folder / name, digest)
    entries: dict[str, Entry] = {}
    if (folder / INDEX_NAME).is_file():
        weight_map = read_json(folder / INDEX_NAME).get("weight_map")
        if not isinstance(weight_map, dict) or not all(isinstance(v, str) for v in weight_map.values()):
            raise CheckpointError(f"{INDEX_NAME} has no weight_map.")
        for shard in sorted(set(weight_map.values())):
            if Path(shard).name != shard:
                raise CheckpointError(f"{INDEX_NAME} names a file outside the folder: {shard}.")
            entries |= read_header(folder / shard)
        lacking = sorted(set(weight_map) - set(entries))
        if lacking:
            raise CheckpointError(f"The shards lack {len(lacking)} tensors of the index, e.g. {lacking[0]}.")
    else:
        entries = read_header(folder / SINGLE_NAME)
    return Checkpoint(folder=folder, config=config, entries=entries, revision=found or revision)


def downloaded_revision(folder: Path) -> str:
    """Commit of a downloaded folder: a hub snapshot is named by it, a plain folder may hold a REVISION file."""
    marker = folder / "REVISION"
    if marker.is_file():
        return marker.read_text(encoding="ascii", errors="replace").strip()[:64]
    name = folder.resolve().name
    return name if len(name) == 40 and all(c in "0123456789abcdef" for c in name) else ""


def check_digest(path: Path, expected: str) -> None:
    """Compare the SHA-256 of a file.

    Raises:
        CheckpointError: It differs, or the file is missing.
    """
    if not path.is_file():
        raise CheckpointError(f"The checkpoint lacks {path.name}; download it to {path.parent}.")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected.lower():
        raise CheckpointError(f"{path.name} has SHA-256 {actual}, but {expected.lower()} is pinned.")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a stored tensor goes: whole parameters, or slices of rows of one.

    Attributes:
        parameter: Name in the module.
        source: (first, last) rows of the stored tensor, None for all.
        into: (first, last) rows of the parameter, None for all.
    """

    parameter: str
    source: tuple[int, int] | None = None
    into: tuple[int, int] | None = None


Plan = Mapping[str, list[Target]]


def _expected(targets: list[Target], shapes: Mapping[str, tuple[int, ...]], stored: Entry) -> str:
    """Return what is wrong with the shape of a stored tensor, or ""."""
    for target in targets:
        shape = shapes[target.parameter]
        rows = stored.shape[0] if target.source is None else target.source[1] - target.source[0]
        wanted = shape[0] if target.into is None else target.into[1] - target.into[0]
        if stored.shape[1:] != shape[1:] or rows != wanted or (target.source and target.source[1] > stored.shape[0]):
            return f"is {stored.shape}, {target.parameter} needs {(wanted, *shape[1:])}"
    covered = sum(0 if t.source is None else t.source[1] - t.source[0] for t in targets)
    if targets[0].source is not None and covered != stored.shape[0]:
        return f"has {stored.shape[0]} rows, {covered} are used"
    return ""


def check_plan(plan: Plan, module: nn.Module, entries: Mapping[str, Entry], ignored: tuple[str, ...] = ()) -> None:
    """Compare names and shapes of a checkpoint with those of a module, without reading a weight.

    Args:
        plan: Stored name to targets.
        module: May be on the meta device.
        entries: What is stored.
        ignored: Prefixes of stored names that are not loaded.

    Raises:
        CheckpointError: Naming the first few differences.
    """
    shapes = {name: tuple(p.shape) for name, p in module.state_dict(keep_vars=True).items()}
    problems = [f"{name} is missing" for name in plan if name not in entries]
    problems += [
        f"{name} is unknown" for name in entries if name not in plan and not name.startswith(ignored or ("\0",))
    ]
    reached = {target.parameter for targets in plan.values() for target in targets}
    problems += [f"nothing fills {name}" for name in shapes if name not in reached]
    for name, targets in plan.items():
        if name in entries:
            wrong = _expected(targets, shapes, entries[name])
            if wrong:
                problems.append(f"{name} {wrong}")
    if problems:
        shown = "; ".join(problems[:4])
        raise CheckpointError(
            f"The checkpoint does not have the published layout ({len(problems)} differences): {shown}."
        )


def load_into(
    module: nn.Module,
    checkpoint: Checkpoint,
    plan: Plan,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
    ignored: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> None:
    """Fill a module on the meta device from a checkpoint, one tensor at a time.

    Args:
        module: Its parameters and persistent buffers receive storage on ``device``.
        checkpoint: Checked against the plan first.
        plan: Stored name to targets.
        device: Where the weights go.
        dtype: Data type of floating weights.
        ignored: Prefixes of stored names that are not loaded.
        progress: See :meth:`Checkpoint.read`.

    Raises:
        CheckpointError: The layout differs.
    """
    check_plan(plan, module, checkpoint.entries, ignored)
    ready: dict[str, Tensor] = {}
    places = {name: _place(module, name) for name in module.state_dict(keep_vars=True)}
    for name, tensor in checkpoint.read(plan, progress):
        for target in plan[name]:
            owner, attribute = places[target.parameter]
            current = getattr(owner, attribute)
            rows = tensor if target.source is None else tensor[target.source[0] : target.source[1]]
            if target.into is None:
                # Some sources are views into a shard's memory map; the copy keeps the map from outliving the file.
                ready[target.parameter] = rows.to(device=device, dtype=dtype, copy=True)
            else:
                if target.parameter not in ready:
                    ready[target.parameter] = torch.empty(current.shape, device=device, dtype=dtype)
                ready[target.parameter][target.into[0] : target.into[1]].copy_(rows)
            _store(owner, attribute, ready[target.parameter])


def _place(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    owner, _, attribute = name.rpartition(".")
    return module.get_submodule(owner), attribute


def _store(owner: nn.Module, attribute: str, value: Tensor) -> None:
    if attribute in owner._parameters:
        owner._parameters[attribute] = nn.Parameter(value, requires_grad=False)
    else:
        owner._buffers[attribute] = value


def same_names(module: nn.Module) -> dict[str, list[Target]]:
    """Plan of a checkpoint whose names are those of the module."""
    return {name: [Target(parameter=name)] for name in module.state_dict(keep_vars=True)}

"""From a checkpoint's name to a folder on this machine: a path, a copy in the hub's cache, or a pinned download."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molmo_ros.core.errors import MissingDependencyError
from molmo_ros.models.errors import CheckpointError
from molmo_ros.models.weights import Progress

# Weights and data only: no remote code is ever fetched.
WANTED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "tokenizer.json",
    "norm_stats.json",
    "*_config.json",
)


def locate(checkpoint: str, *, revision: str = "", download: bool = False) -> Path:
    """Return the folder of a checkpoint.

    Args:
        checkpoint: A folder, or a published name such as "allenai/MolmoAct-7B-D-0812".
        revision: Pinned commit.
        download: Fetch what the cache lacks; needs a pinned revision.

    Raises:
        CheckpointError: It is not on this machine and may not be fetched.
    """
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return folder
    if not checkpoint or checkpoint.count("/") != 1 or checkpoint.startswith((".", "/", "~")):
        raise CheckpointError(f"There is no checkpoint folder '{checkpoint}'.")
    if download and not revision:
        raise CheckpointError(f"Pin a revision to download {checkpoint}; a moving name is not loaded.")
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise MissingDependencyError("huggingface_hub", "models") from error
    try:
        found = snapshot_download(
            checkpoint, revision=revision or None, allow_patterns=list(WANTED), local_files_only=not download
        )
    except Exception as error:  # the hub raises many kinds, none of which a user can tell apart
        how = "the download failed" if download else "it is not on this machine; set download: true and pin a revision"
        raise CheckpointError(f"{checkpoint} cannot be loaded: {how} ({type(error).__name__}).") from error
    return Path(found)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress | None]:
    """Show a bar while weights are read, where a person looks on; gives None where nobody does."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(title, BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda _name, done, total: bar.update(task, completed=done, total=total)

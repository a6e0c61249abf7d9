"""Repair bags."""

from __future__ import annotations

from molmo_ros.embedded.bags import reindex

from ._storage import StorageOptions


class Reindexer:
    """Makes a bag whole whose metadata.yaml, or the end of whose last file, is missing."""

    def reindex(self, storage_options: StorageOptions) -> None:
        """Repair a bag."""
        reindex(storage_options.uri)

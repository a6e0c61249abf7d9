"""Describe bags."""

from __future__ import annotations

import sys

from molmo_ros.embedded.bags import BagError, bag_info, format_info

from ._storage import BagMetadata, info_to_metadata


class Info:
    """Reads what a bag holds without reading its messages."""

    def read_metadata(self, uri: str, storage_id: str = "") -> BagMetadata:
        """Return a bag's description.

        Raises:
            RuntimeError: There is none, or it has another storage.
        """
        info = bag_info(uri)
        if storage_id not in {"", info.storage}:
            raise BagError(f"{uri} has storage '{info.storage}', not '{storage_id}'.")
        return info_to_metadata(info)

    def read_metadata_and_output_service_verbose(self, uri: str, storage_id: str = "") -> None:
        """Print a bag's description, services included."""
        self.read_metadata(uri, storage_id)
        sys.stdout.write(format_info(bag_info(uri)))

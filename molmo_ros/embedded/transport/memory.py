"""Keeps the pages of large messages in the process instead of asking the kernel for each of them."""

from __future__ import annotations

import os
import sys
from functools import cache

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_TRIM_BYTES = 64 * 1024 * 1024
_MMAP_BYTES = 32 * 1024 * 1024


@cache
def keep_large_blocks() -> bool:
    """Tell glibc to take blocks up to 32 MiB from the heap and to keep 64 MiB of it when freed.

    Otherwise every image is two fresh mappings whose pages fault in one by one, which takes longer
    than everything else on its way (measured: half of publish to callback for 640x480 RGB). Settings
    in the environment (``MALLOC_...``) are left alone, and so are other C libraries.

    Returns:
        Whether the setting was made.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES) and mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))

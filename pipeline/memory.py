"""Memory that was freed goes back to the system, so that a process needs what its largest task needs.

Both allocators, that of C and that of Arrow, keep what they were given for the next request. After many tasks
of different sizes that is a fragment of each.
"""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa


def give_back() -> None:
    """Returns freed memory to the system where its C library can be asked to."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
        if trim is not None:
            trim(0)

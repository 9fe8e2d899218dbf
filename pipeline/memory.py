"""When memory that was freed goes back to the system: not within a task, which asks for as much again soon;
after each one, so that a process needs what its largest task needs.

Left alone, glibc's allocator does neither well. A step of a small training frees and faults in the same 40 MB
over and over, a tenth of its time. And after many tasks of different sizes a fragment of each is kept, as
Arrow's allocator does, too.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

import pyarrow as pa

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3)
LARGEST_KEPT = 32 << 20  # bytes of one request: what glibc comes to by itself at most


def keep_freed(largest: int = LARGEST_KEPT) -> None:
    """From here on freed memory waits for a request or `give_back`, where the C library can be told; requests
    of more bytes than `largest` go back at once.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        sizes = {_MMAP_THRESHOLD: largest, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: 64 << 20}
        for option, size in sizes.items():
            mallopt(ctypes.c_int(option), ctypes.c_int(size))


def give_back() -> None:
    """Returns freed memory to the system where its C library can be asked to."""
    pa.default_memory_pool().release_unused()
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(ctypes.c_size_t(0))


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function that glibc has and other C libraries do not."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None

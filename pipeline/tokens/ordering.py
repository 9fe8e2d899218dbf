"""A fixed shuffle of documents: each has a key that follows from a seed and its id alone.

The documents with the smallest keys are a random sample, and a stream in key order mixes all sources evenly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


def keys_of(ids: Iterable[str], *, seed: int) -> Keys:
    """One 64-bit key per document id, in the order of `ids`; another seed gives another shuffle."""
    digests = (hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in ids)
    return np.fromiter((int.from_bytes(digest[:8], "big") for digest in digests), dtype=np.uint64)


def largest_key_within(keys: Keys, sizes: Counts, *, budget: int) -> int:
    """The last key, in key order, up to which the documents' sizes add up to at most `budget`.

    The first document is always inside, however large. ValueError when there is no document.

        limit = largest_key_within(keys, sizes, budget=1_000_000)
        sampled = keys <= limit
    """
    if not len(keys):
        raise ValueError("there is no document to choose from")
    order = np.argsort(keys, kind="stable")
    inside = int(np.searchsorted(np.cumsum(sizes[order]), budget, side="right"))
    return int(keys[order[max(inside, 1) - 1]])

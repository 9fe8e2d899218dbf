"""Values that more documents than one have, found in a corpus of any size.

All values are looked at as hashes of 64 bits, about KEYS_AT_ONCE in memory at a time; the few whose hash
occurs twice are then counted themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

KEYS_AT_ONCE = 4_000_000
Keys = npt.NDArray[np.uint64]


def repeated(column: Callable[[], Iterator[pa.ChunkedArray]], *, rows: int) -> dict[str, int]:
    """How often each value occurs that occurs more than once; `column` reads all `rows` of them anew.

    >>> repeated(lambda: iter([pa.chunked_array([["a", "b"], ["a"]])]), rows=3)
    {'a': 2}
    """
    passes = rows // KEYS_AT_ONCE + 1
    suspects = np.concatenate([_repeated_keys(column(), passes, number) for number in range(passes)])
    if not len(suspects):
        return {}
    counts: Counter[str] = Counter()
    for values in column():
        counts.update(values.filter(pa.array(np.isin(keys(values), suspects))).to_pylist())
    return {value: count for value, count in counts.items() if count > 1}


def keys(values: pa.ChunkedArray) -> Keys:
    """A hash of 64 bits for each of N strings, shape (N,), the same on every machine."""
    strings = np.asarray(values.to_pylist(), dtype=object)
    return np.asarray(pd.util.hash_array(strings, categorize=False), dtype=np.uint64)


def _repeated_keys(column: Iterator[pa.ChunkedArray], passes: int, number: int) -> Keys:
    """The keys with remainder `number` that occur twice or more."""
    mine = [np.empty(0, dtype=np.uint64)]
    for values in column:
        found = keys(values)
        mine.append(found[found % np.uint64(passes) == number])
    ordered = np.sort(np.concatenate(mine))
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])

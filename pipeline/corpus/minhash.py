"""MinHash signatures, and the bands that bring similar documents together (Broder 1997; Indyk, Motwani 1998).

Position p of a signature is the smallest value that permutation p gives to any shingle of the set; two sets
agree there with a probability equal to their Jaccard similarity s. A signature is cut into b bands of r
positions. Documents with an equal band become a candidate pair, which happens with probability 1 - (1 -
s^r)^b.

Written in numpy because the libraries for it either take their shingles one by one from Python, which costs
more than everything done here, or bring a compiled extension of their own for these twenty lines.
"""

# N documents, P permutations, b bands of r rows

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.corpus.shingles import ShingleSets, Words32, Words64

MISSED_WEIGHT = 0.98
_PERMUTATIONS_SEED = 0x6D696E68617368
_GOLDEN = 0x9E3779B97F4A7C15
_INTEGRATION_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Banding:
    """How a signature is cut: `bands` groups of `rows` positions; what is left over is not used."""

    bands: int
    rows: int

    def chance(self, similarity: float) -> float:
        """The probability that two documents of this Jaccard similarity become a candidate pair."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def choose_banding(*, num_permutations: int, threshold: float) -> Banding:
    """The bands and rows, at most `num_permutations` together, with the least weighted error.

    The error is 0.98 * (chance of missing a pair, integrated over the similarities from the threshold to 1)
    + 0.02 * (chance of a needless candidate, integrated from 0 to the threshold). A miss weighs so much more
    because every candidate is checked: a needless one costs microseconds, a missed one stays in the corpus.

    >>> choose_banding(num_permutations=128, threshold=0.7)
    Banding(bands=25, rows=5)
    """
    similarity = (np.arange(_INTEGRATION_POINTS) + 0.5) / _INTEGRATION_POINTS
    above = similarity >= threshold

    def error(banding: Banding) -> float:
        candidate = 1 - (1 - similarity**banding.rows) ** banding.bands
        missed, needless = (1 - candidate)[above].sum(), candidate[~above].sum()
        return float(MISSED_WEIGHT * missed + (1 - MISSED_WEIGHT) * needless)

    choices = (Banding(num_permutations // rows, rows) for rows in range(1, num_permutations + 1))
    return min(choices, key=error)


def signatures(sets: ShingleSets, *, num_permutations: int) -> Words32:
    """The MinHash signatures, shape (P, N), of N non-empty sets.

    Permutation p maps a hash x to a[p] * x + b[p] mod 2^32 with a[p] odd; the hashes are well mixed already.
    """
    constants = _scrambled(np.arange(2 * num_permutations, dtype=np.uint64) + np.uint64(_PERMUTATIONS_SEED))
    factors = constants[:num_permutations].astype(np.uint32) | np.uint32(1)
    offsets = constants[num_permutations:].astype(np.uint32)
    smallest = np.empty((num_permutations, len(sets.starts) - 1), dtype=np.uint32)
    permuted = np.empty_like(sets.hashes)
    for factor, offset, row in zip(factors, offsets, smallest, strict=True):
        np.multiply(sets.hashes, factor, out=permuted)
        np.add(permuted, offset, out=permuted)
        np.minimum.reduceat(permuted, sets.starts[:-1], out=row)
    return smallest


def band_keys(signature: Words32, banding: Banding) -> Words64:
    """One hash per band and document, shape (b, N), of signatures of shape (P, N): equal for equal bands."""
    used = signature[: banding.bands * banding.rows].astype(np.uint64)
    used = used.reshape(banding.bands, banding.rows, -1)
    keys: Words64 = np.zeros((used.shape[0], used.shape[2]), dtype=np.uint64)
    for row in range(banding.rows):
        keys = _scrambled(keys ^ used[:, row])
    return keys


def _scrambled(values: npt.NDArray[np.uint64]) -> Words64:
    """Equal values stay equal, different ones become unrelated (the step of SplitMix64)."""
    values = values + np.uint64(_GOLDEN)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

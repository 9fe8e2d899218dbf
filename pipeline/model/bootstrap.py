"""Confidence intervals of a ratio of sums, by resampling documents.

Tokens of one document are not independent, documents nearly are. So the documents are what is drawn, with
replacement, and the ratio of the sums is taken anew for every draw (Efron and Tibshirani, 1993, chapter 13).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ratio_interval(
    numerators: npt.NDArray[np.float64],
    denominators: npt.NDArray[np.integer],
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> tuple[float, float] | None:
    """The percentile interval of sum(numerators) / sum(denominators); None for fewer than two documents.

    Both arrays have shape (documents,), the denominators are positive. Equal arguments give equal intervals.
    """
    assert numerators.shape == denominators.shape, f"{numerators.shape} against {denominators.shape}"
    documents = len(numerators)
    if documents < 2:
        return None
    generator = np.random.default_rng(seed)
    ratios = np.empty(samples)
    for sample in range(samples):
        drawn = generator.integers(documents, size=documents)
        ratios[sample] = numerators[drawn].sum() / denominators[drawn].sum()
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)

"""The four rule families beside datatrove's, on the same documents with the same thresholds.

Both judge every document by each family on its own, in one process, in turns; the figure is the ratio of the
medians of processor seconds. A verdict is kept or dropped.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.bench import PARAMS_FILE, Result, texts
from pipeline.corpus.families import c4, fineweb, gopher_quality, gopher_repetition
from pipeline.corpus.filters import first_broken
from pipeline.corpus.traits import Traits
from pipeline.errors import ParamsError
from pipeline.params import load
from pipeline.settings.sections import SECTIONS

ROUNDS = 3
DOCUMENTS = 2000
MIN_CHARS = 400
LEAST_RATIO, LEAST_AGREEMENT = 20.0, 0.98
FAMILIES = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
Verdicts = list[tuple[bool, ...]]  # per document, per family: is it kept?


def measure() -> Result:
    """Documents per processor second of both, and how often their verdicts agree."""
    documents = texts(min_chars=MIN_CHARS, at_most=DOCUMENTS)
    judges: Mapping[str, Callable[[Sequence[str]], Verdicts]] = {"gristmill": _ours(), "datatrove": _theirs()}
    seconds: dict[str, list[float]] = {name: [] for name in judges}
    verdicts: dict[str, Verdicts] = {}
    for _ in range(ROUNDS):
        for name, judge in judges.items():
            started = time.process_time()
            verdicts[name] = judge(documents)
            seconds[name].append(time.process_time() - started)
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    pairs = list(zip(verdicts["gristmill"], verdicts["datatrove"], strict=True))
    alike = sum(all(ours) == all(theirs) for ours, theirs in pairs) / len(pairs)
    rows = [("", "documents/s", "kept", *FAMILIES)]
    for name in judges:
        kept = [f"{sum(each):,}" for each in zip(*verdicts[name], strict=True)]
        rows.append(
            (name, f"{len(documents) / medians[name]:,.0f}", str(sum(map(all, verdicts[name]))), *kept)
        )
    agreed = [sum(a[i] == b[i] for a, b in pairs) / len(pairs) for i in range(len(FAMILIES))]
    rows.append(("same verdict", "", f"{alike:.2%}", *(f"{share:.2%}" for share in agreed)))
    characters = sum(map(len, documents)) / len(documents)
    rows.append(
        (f"{len(documents):,} documents of {characters:,.0f} characters", *[""] * (len(FAMILIES) + 2))
    )
    ratio = medians["datatrove"] / medians["gristmill"]
    return Result(tuple(rows), (("ratio", ratio, LEAST_RATIO), ("same verdict", alike, LEAST_AGREEMENT)))


def _ours() -> Callable[[Sequence[str]], Verdicts]:
    params = load(PARAMS_FILE, SECTIONS)["clean"]

    def judge(documents: Sequence[str]) -> Verdicts:
        verdicts = []
        for text in documents:
            traits = Traits(text)
            verdicts.append(
                (
                    not first_broken(gopher_repetition.RULES, traits, params.gopher_repetition),
                    not first_broken(gopher_quality.RULES, traits, params.gopher_quality),
                    not c4.keep_sentences(text, params.c4).reason,
                    not first_broken(fineweb.RULES, traits, params.fineweb),
                )
            )
        return verdicts

    return judge


def _theirs() -> Callable[[Sequence[str]], Verdicts]:
    try:
        from datatrove.data import Document
        from datatrove.pipeline import filters
    except ImportError as error:
        raise ParamsError("datatrove is not installed: make bench NAME=filters does it") from error
    families = (
        filters.GopherRepetitionFilter(),
        filters.GopherQualityFilter(),
        filters.C4QualityFilter(),
        filters.FineWebQualityFilter(),
    )

    def judge(documents: Sequence[str]) -> Verdicts:
        # C4 edits the document it is given: every family gets its own
        return [
            tuple(family.filter(Document(text=text, id="")) is True for family in families)
            for text in documents
        ]

    return judge

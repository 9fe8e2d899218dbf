"""Language identification on sentences whose language is known: flores200_dev, one file per language.

    make bench NAME=language CORPUS=flores200_dev

A file is named for its language and script (eng_Latn.dev) and holds a sentence a line; those of MIN_CHARS
characters or more are identified among all languages of the model, without a hint which ones occur.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from benchmarks.bench import CORPUS, Result, corpus
from pipeline.corpus.language import identify
from pipeline.errors import ParamsError

MIN_CHARS = 100
LEAST_SHARE = 0.99
CODES = {
    **{"afr": "af", "arb": "ar", "dan": "da", "deu": "de", "eng": "en", "fra": "fr", "hin": "hi"},
    **{"ita": "it", "jpn": "ja", "nld": "nl", "por": "pt", "rus": "ru", "spa": "es", "zho": "zh"},
}


def measure() -> Result:
    """The share of lines whose language is found, by language, and lines per processor second.

    ParamsError when CORPUS names no folder of flores200 files.
    """
    place = corpus()
    paths = sorted(place.glob("*_*.dev")) if place else []
    if not paths:
        raise ParamsError(f"{CORPUS}: must name a folder with flores200 files such as eng_Latn.dev")
    identify("The model is read before the clock starts.")
    rows = [("language", "lines", "found", "most often taken for")]
    lines = found = 0
    started = time.process_time()
    for path in paths:
        wanted, named = CODES[path.name[:3]], _named(path)
        lines += named.total()
        found += named[wanted]
        others = [f"{code} {count}" for code, count in named.most_common(4) if code != wanted]
        rows.append((wanted, f"{named.total():,}", f"{named[wanted] / named.total():.2%}", ", ".join(others)))
    seconds = time.process_time() - started
    rows.append(("all", f"{lines:,}", f"{found / lines:.2%}", f"{lines / seconds:,.0f} lines/s"))
    return Result(tuple(rows), (("share", found / lines, LEAST_SHARE),))


def _named(path: Path) -> Counter[str]:
    """How often each language was found in the lines of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return Counter(identify(line).code for line in lines if len(line) >= MIN_CHARS)

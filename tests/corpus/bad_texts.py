"""What the bytes of a bad text become on their way through ingest and clean, as web text would."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.corpus.cleaning import mend
from pipeline.corpus.decoding import decode
from pipeline.corpus.filters import judge
from pipeline.corpus.ingestion import document
from pipeline.params import load
from pipeline.records import from_table, to_table
from pipeline.settings.clean import CleanParams
from pipeline.settings.sections import SECTIONS

PARAMS_FILE = Path(__file__).resolve().parents[2] / "params.yaml"
DEFAULTS: CleanParams = load(PARAMS_FILE, SECTIONS)["clean"]
ANYTHING = dataclasses.replace(
    DEFAULTS, min_chars=1, min_entropy_bits=0.0, min_alphabetic_share=0.0, max_word_chars=1000.0
)


def cleaned(data: bytes | str, params: CleanParams = ANYTHING, *, source: str = "files") -> str:
    """The text that is kept of a file with these bytes (or of a row with this string)."""
    text, reason = fate(data, params, source=source)
    assert not reason, reason
    return text


def fate(data: bytes | str, params: CleanParams = DEFAULTS, *, source: str = "files") -> tuple[str, str]:
    """The text and "", or "" and the reason why nothing of it is kept."""
    decoded = decode(data) if isinstance(data, bytes) else None
    if isinstance(data, bytes) and decoded is None:
        return "", "undecodable"
    read = document(source, "a.txt", decoded.text if decoded is not None else str(data))
    (row,) = from_table(to_table([read]))  # what Arrow cannot hold would fail here
    text, _ = mend(row.text, params, source=source)
    judged = judge(text, params, source=source)
    return ("", judged.reason) if judged.reason else (judged.text, "")

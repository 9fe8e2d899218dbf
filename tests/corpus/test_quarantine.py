"""A few damaged documents are dropped, many stop the source; what a rule leaves out stops nothing."""

from __future__ import annotations

import pytest

from pipeline.corpus.ingestion import Gathered
from pipeline.corpus.quarantine import require_mostly_sound
from pipeline.errors import DataError


def gathered(**dropped: int) -> Gathered:
    kept = 1000 - sum(dropped.values())
    examples = {reason: [f"{reason}.txt"] for reason in dropped}
    return Gathered(1000, kept, kept, dropped, examples, [])


def test_damage_up_to_the_limit_passes_and_one_document_more_does_not() -> None:
    require_mostly_sound(gathered(not_json=6, undecodable=4), source="files", max_share=0.01)
    with pytest.raises(DataError) as error:
        require_mostly_sound(gathered(not_json=4, undecodable=7), source="files", max_share=0.01)
    assert str(error.value) == (
        "files: 11 of 1000 documents (1.10%) are damaged, and 1.00% may be: undecodable 7 (such as "
        "undecodable.txt), not_json 4 (such as not_json.txt); mend or remove them, or raise "
        "ingest.files.max_quarantine_share"
    )


def test_what_a_rule_leaves_out_is_no_damage() -> None:
    left_out = gathered(too_short=400, repeated_subset=200, rights_reserved=300, unknown_format=100)
    require_mostly_sound(left_out, source="openwebtext", max_share=0.0)


def test_an_empty_source_is_sound() -> None:
    require_mostly_sound(Gathered(0, 0, 0, {}, {}, []), source="files", max_share=0.0)

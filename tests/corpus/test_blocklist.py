"""Listed words are found whole, in any case, alone and in phrases."""

from __future__ import annotations

import pytest

from pipeline.corpus.blocklist import listed_share


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("A mill by the mill pond.", 2 / 6),
        ("MILL, Mill; mill!", 1.0),
        ("Millers and treadmills", 0.0),
        ("the old\n wheel, the old wheel, an old wheel", 4 / 9),
        ("straße und STRASSE", 2 / 3),
        ("...", 0.0),
    ],
)
def test_whole_words_and_phrases_are_counted(text: str, share: float) -> None:
    listed = ("mill", "Straße") if "old" not in text else ("the old",)
    assert listed_share(text, listed) == pytest.approx(share)

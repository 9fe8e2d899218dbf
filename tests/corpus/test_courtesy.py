"""Who asks and how slowly is said in the environment, or refused with the variable's name."""

from __future__ import annotations

import pytest

from pipeline.corpus.courtesy import CONTACT, SECONDS, Courtesy, courtesy_from
from pipeline.errors import ParamsError


def test_the_environment_says_who_asks_and_how_long_to_wait() -> None:
    assert courtesy_from({}) == Courtesy("", 2.0)
    assert courtesy_from({CONTACT: "me@example.org", SECONDS: "0.5"}) == Courtesy("me@example.org", 0.5)


@pytest.mark.parametrize("said", ["soon", "-1", "61", "nan", "inf"])
def test_a_pause_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ParamsError, match=f"{SECONDS}: is '{said}'; must be a number, 0 to 60"):
        courtesy_from({SECONDS: said})


@pytest.mark.parametrize("said", ["me\r\nHost: x", "m\u00e9", "x" * 201])
def test_a_contact_that_no_header_can_hold_is_refused(said: str) -> None:
    with pytest.raises(ParamsError, match=f"{CONTACT}: is .*printable ASCII"):
        courtesy_from({CONTACT: said})

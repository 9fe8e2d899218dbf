"""Personal data is masked kind by kind; what only looks like it stays."""

from __future__ import annotations

import dataclasses
import time

import pytest

from pipeline.corpus.personal_data import MASKS, has_check_digit, mask
from tests.corpus.web_rules import PERSONAL_DATA


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to jane.doe+x@mail.example.co.uk, please", "write to <EMAIL>, please"),
        ("<joe@mill.org> or jürgen@müller.de.", "<<EMAIL>> or <EMAIL>."),
        ("@joe, joe@localhost, a @ b.org", "@joe, joe@localhost, a @ b.org"),
        ("8.8.8.8 asked 192.168.1.1 and 127.0.0.1", "<IP_ADDRESS> asked 192.168.1.1 and 127.0.0.1"),
        ("version 1.2.3.4.5, 999.1.1.1", "version 1.2.3.4.5, 999.1.1.1"),
        ("[2001:4860:4860::8888]:80, ::1", "[<IP_ADDRESS>]:80, ::1"),
        ("std::vector, a::b, 10:30:45", "std::vector, a::b, 10:30:45"),
        ("+49 30 1234567 or (555) 123-4567", "<PHONE_NUMBER> or <PHONE_NUMBER>"),
        ("call 1-800-555-0199.", "call <PHONE_NUMBER>."),
        (
            "2020-10-10, +1.5, 3.14159265358979, x = 555 + 123",
            "2020-10-10, +1.5, 3.14159265358979, x = 555 + 123",
        ),
        ("card 4111 1111 1111 1111, 5500-0000-0000-0004", "card <CARD_NUMBER>, <CARD_NUMBER>"),
        ("not one: 4111 1111 1111 1112", "not one: 4111 1111 1111 1112"),
    ],
)
def test_what_is_somebody_s_is_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask(text, PERSONAL_DATA)[0] == masked
    assert mask(masked, PERSONAL_DATA) == (masked, ())


@pytest.mark.parametrize("kind", MASKS)
def test_each_kind_has_a_switch_and_a_name(kind: str) -> None:
    text = "a@b.org 8.8.8.8 +49 30 1234567 4111111111111111"
    off = dataclasses.replace(PERSONAL_DATA, **dict.fromkeys(MASKS, False))
    assert mask(text, off) == (text, ())
    masked, names = mask(text, dataclasses.replace(off, **{kind: True}))
    assert names == (kind,)
    assert masked.count("<") == 1


def test_check_digits() -> None:
    assert has_check_digit("79927398713")
    assert not any(has_check_digit(f"7992739871{last}") for last in "012456789")


@pytest.mark.parametrize("unit", ["a", "a@", "a.", "1 ", "1.", "+1 ", "(555) ", "4111 ", "2:", ":", "a-"])
def test_every_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    started = time.process_time()
    mask(text, PERSONAL_DATA)
    assert time.process_time() - started < 1  # 0.1 when linear

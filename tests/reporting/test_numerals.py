"""Numbers read as people write them."""

from __future__ import annotations

import pytest

from pipeline.reporting import numerals

GAP, MINUS = numerals.GAP, numerals.MINUS


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numerals.count(1234567), "1,234,567"),
        (numerals.count(-12), f"{MINUS}12"),
        (numerals.size(812), f"812{GAP}B"),
        (numerals.size(999_600), f"1.00{GAP}MB"),
        (numerals.size(29_640_000), f"29.6{GAP}MB"),
        (numerals.size(412_000_000), f"412{GAP}MB"),
        (numerals.short_count(7_408_384), f"7.41{GAP}M"),
        (numerals.short_count(0), "0"),
        (numerals.decimal(1.87349), "1.873"),
        (numerals.decimal(-0.00001), "0.000"),
        (numerals.decimal(1e300), "1e+300"),
        (numerals.signed(0.0123), "+0.012"),
        (numerals.signed(-0.0123), f"{MINUS}0.012"),
        (numerals.signed(0.00001), "0.000"),
        (numerals.share(0.352, digits=0), f"35{GAP}%"),
        (numerals.signed_share(0.0125), f"+1.25{GAP}%"),
        (numerals.significant(0.00012345), "0.000123"),
        (numerals.interval((1.852, 1.894)), "1.852 to 1.894"),
        (numerals.interval(None), numerals.DASH),
        (numerals.duration(0.42), f"0.42{GAP}s"),
        (numerals.duration(245), f"4{GAP}min 05{GAP}s"),
        (numerals.duration(7384), f"2{GAP}h 03{GAP}min"),
    ],
)
def test_numbers_are_written_for_people(shown: str, expected: str) -> None:
    assert shown == expected

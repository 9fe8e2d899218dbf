"""Numbers as a reader wants them: grouped, with a unit, with as many digits as carry meaning."""

from __future__ import annotations

MINUS = "\u2212"
DASH = "\u2013"  # where there is no number
GAP = "\u00a0"  # between a number and its unit: no line ends there
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def count(value: int) -> str:
    """`1,234,567`; a negative count wears a real minus sign."""
    return f"{value:,}".replace("-", MINUS)


def size(num_bytes: float) -> str:
    """`1.23 MB`: decimal units, three digits."""
    value, unit = float(num_bytes), _BYTE_UNITS[0]
    for unit in _BYTE_UNITS:
        if abs(value) < 999.5 or unit == _BYTE_UNITS[-1]:
            break
        value /= 1000
    digits = 0 if unit == "B" or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f}{GAP}{unit}".replace("-", MINUS)


def short_count(value: float) -> str:
    """`1.23 M`: a count for a headline or an axis, three digits."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return f"{value / limit:.3g}{GAP}{unit}"
    return f"{value:.3g}"


def decimal(value: float, *, digits: int = 3) -> str:
    """`1.874`, `1.2e+12`; a value that rounds to zero shows no sign."""
    if abs(value) >= 1e9:
        return significant(value)
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)


def significant(value: float, *, digits: int = 3) -> str:
    """`0.00123`, `3e-07`: as many significant digits as asked for."""
    return f"{value:.{digits}g}".replace("-", MINUS)


def signed(value: float, *, digits: int = 3) -> str:
    """`+0.012`: a change."""
    text = decimal(value, digits=digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def share(value: float, *, digits: int = 1) -> str:
    """`12.3 %` for 0.123."""
    return f"{decimal(100 * value, digits=digits)}{GAP}%"


def signed_share(value: float, *, digits: int = 2) -> str:
    """`+1.25 %` for 0.0125."""
    return f"{signed(100 * value, digits=digits)}{GAP}%"


def interval(bounds: tuple[float, float] | None, *, digits: int = 3) -> str:
    """`1.852 to 1.894`, or a dash when there is none."""
    if bounds is None:
        return DASH
    return f"{decimal(bounds[0], digits=digits)} to {decimal(bounds[1], digits=digits)}"


def duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`."""
    if seconds < 9.995:
        return f"{seconds:.2f}{GAP}s"
    if seconds < 59.95:
        return f"{seconds:.1f}{GAP}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{GAP}min {rest:02d}{GAP}s"
    return f"{minutes // 60}{GAP}h {minutes % 60:02d}{GAP}min"

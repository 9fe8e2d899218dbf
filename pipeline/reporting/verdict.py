"""What the run came to, for a reader who reads nothing else."""

from __future__ import annotations

from pipeline.reporting import numerals
from pipeline.reporting.account import unaccounted, waterfall
from pipeline.reporting.comparison import Comparison, made_differently
from pipeline.reporting.document import Prose, Tile, Tone
from pipeline.reporting.headlines import bits_per_byte
from pipeline.reporting.metrics.run import Run
from pipeline.reporting.quality import confidence, scored_documents
from pipeline.reporting.shipping import bits_per_byte_change, times_smaller

MAX_NAMED = 3


def verdict(run: Run, comparison: Comparison) -> tuple[Prose, ...]:
    """The result in a sentence, what it rests on, and what changed against the baseline."""
    worth: Tone = "marked" if comparison.problem or comparison.notable or comparison.differences else "plain"
    said = [Prose(result(run)), Prose(basis(run)), Prose(against_baseline(comparison), worth)]
    if any(unaccounted(waterfall(run)).values()):
        said.append(Prose("The account of documents does not balance: see the table of documents.", "marked"))
    return tuple(said)


def result(run: Run) -> str:
    """The base model against the best floor, in a sentence."""
    base, (name, floor) = bits_per_byte(run, "base"), best_floor(run)
    side = "less" if base.value < floor else "more"
    distance = numerals.share(abs(1 - base.value / floor), digits=0)
    said = f"The base model needs {numerals.decimal(base.value)} bits per byte for text it never saw, "
    said += f"{distance} {side} than the best floor, {name}"
    if base.interval and base.interval[0] < floor < base.interval[1]:
        said += "; the floor lies inside the interval"
    return f"{said}."


def basis(run: Run) -> str:
    """What the result rests on, and what int8 costs."""
    base, (name, floor) = bits_per_byte(run, "base"), best_floor(run)
    sentences = [f"Measured on {scored_documents(run)}."]
    if base.interval:
        sentences.append(f"The {confidence(run)} interval is {numerals.interval(base.interval)}.")
    sentences.append(f"{name} needs {numerals.decimal(floor)} bits per byte for the same text.")
    smaller = numerals.decimal(times_smaller(run, "int8"), digits=1)
    change = numerals.signed_share(bits_per_byte_change(run, "int8"), digits=3)
    sentences.append(f"In int8 the tuned model is {smaller} times smaller at {change} bits per byte.")
    return " ".join(sentences)


def against_baseline(comparison: Comparison) -> str:
    """What changed since the accepted run, in a sentence or two."""
    if comparison.problem:
        return comparison.problem
    names = [change.now.name for change in comparison.notable]
    if names:
        rest = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        said = (
            f"Against the accepted baseline {len(names)} of {len(comparison.changes)} headline numbers "
            f"changed notably: {'; '.join(names[:MAX_NAMED])}{rest}."
        )
    else:
        said = "Against the accepted baseline no headline number changed notably."
    return f"{said} {made_differently(comparison)}".strip()


def tiles(run: Run, comparison: Comparison) -> tuple[Tile, ...]:
    """The four figures to remember."""
    base, (name, floor) = bits_per_byte(run, "base"), best_floor(run)
    tone: Tone = "good" if (base.interval[1] if base.interval else base.value) < floor else "bad"
    interval = (
        f"{confidence(run)} interval {numerals.interval(base.interval)}" if base.interval else "no interval"
    )
    return (
        Tile("Bits per byte, test", numerals.decimal(base.value), interval, tone),
        Tile("Best floor", numerals.decimal(floor), name),
        Tile(
            "int8, bits per byte",
            numerals.signed_share(bits_per_byte_change(run, "int8")),
            f"{numerals.decimal(times_smaller(run, 'int8'), digits=1)} times smaller",
        ),
        _baseline_tile(comparison, base.name),
    )


def best_floor(run: Run) -> tuple[str, float]:
    """The name and bits per byte of the lowest floor on the test split."""
    return run.evaluate["base"].floors["test"].best()


def _baseline_tile(comparison: Comparison, name: str) -> Tile:
    """How the first headline figure moved."""
    change = next((change for change in comparison.changes if change.now.name == name), None)
    if change is None:
        return Tile("Against baseline", numerals.DASH, "nothing to compare with")
    tone: Tone = "plain" if not change.reasons else "bad" if change.share > 0 else "good"
    was = f"was {numerals.decimal(change.before.value)}"
    return Tile("Against baseline", numerals.signed_share(change.share), was, tone)

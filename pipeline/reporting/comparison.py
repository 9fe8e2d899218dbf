"""The headline numbers of this run beside those of the accepted baseline, and what was made differently."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import IntegrityError
from pipeline.reporting import numerals
from pipeline.reporting.document import Block, Folded, Prose, Row, Section, Table, words_then_numbers
from pipeline.reporting.headlines import Headline, headlines
from pipeline.reporting.metrics.provenance import Provenance
from pipeline.reporting.metrics.run import Run, read_run
from pipeline.reporting.origins import flat, short

ABSENT = "No run has been accepted as baseline yet; the command make accept accepts this one."
MAX_LISTED = 3  # keys named in the verdict; the section lists all


@dataclass(frozen=True, slots=True)
class Change:
    """One headline number, then and now; `reasons` say why the change is worth a look, if it is."""

    now: Headline
    before: Headline
    reasons: tuple[str, ...]

    @property
    def share(self) -> float:
        """The change relative to the baseline; zero to zero is no change."""
        change = self.now.value - self.before.value
        if not self.before.value:
            return math.copysign(math.inf, change) if change else 0.0
        return change / abs(self.before.value)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the two runs were made with, then and now."""

    stage: str
    what: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """This run against the baseline. With a `problem` there is nothing to compare with, and it says why."""

    problem: str | None
    notable_change_share: float
    changes: tuple[Change, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def notable(self) -> tuple[Change, ...]:
        """The changes worth a look."""
        return tuple(change for change in self.changes if change.reasons)


def compare(run: Run, baseline: Path, *, notable_change_share: float) -> Comparison:
    """The comparison with the metrics files below `baseline`.

    Absent or unreadable ones are the comparison's problem, not this run's: the page says so instead.
    """
    if not any(baseline.rglob("*.json")):
        return Comparison(ABSENT, notable_change_share)
    try:
        accepted = read_run(baseline)
    except IntegrityError as error:
        said = str(error).replace(f"{baseline}/", "").partition(";")[0]
        return Comparison(
            f"The accepted baseline cannot be compared with ({said}): accept a run anew.",
            notable_change_share,
        )
    changes = tuple(
        Change(now, before, _reasons(now, before, notable_change_share))
        for now, before in zip(headlines(run), headlines(accepted), strict=True)
    )
    return Comparison(None, notable_change_share, changes, tuple(differences(run, accepted)))


def differences(run: Run, accepted: Run) -> list[Difference]:
    """Every param, code fingerprint and input of the two runs that is not the same."""
    found = []
    for now, before in zip(run.provenances(), accepted.provenances(), strict=True):
        made_now, made_before = _made_with(now), _made_with(before)
        for what in sorted(made_now.keys() | made_before.keys()):
            pair = made_before.get(what, "absent"), made_now.get(what, "absent")
            if pair[0] != pair[1]:
                found.append(Difference(now.stage, what, *pair))
    return found


def comparison_section(comparison: Comparison) -> Section:
    """Every headline number then and now; what is worth a look is marked."""
    title = "Against the accepted baseline"
    if comparison.problem:
        return Section("baseline", title, "", (Prose(comparison.problem, "marked"),))
    lead = (
        f"Marked is what changed by more than {numerals.share(comparison.notable_change_share)} "
        "or left the baseline's confidence interval."
    )
    blocks: list[Block | Folded] = []
    if comparison.differences:
        blocks.append(Prose(made_differently(comparison), "marked"))
    columns = ("Number", "Baseline", "Now", "Change", "Relative", "Why marked")
    rows = tuple(_row(change) for change in comparison.changes)
    blocks.append(Table("", columns, (*words_then_numbers(columns[:-1]), "text"), rows))
    if comparison.differences:
        rows = tuple(Row((each.stage, each.what, each.before, each.now)) for each in comparison.differences)
        table = Table("", ("Stage", "What", "Baseline", "Now"), ("text", "code", "code", "code"), rows)
        blocks.append(Folded(f"Everything made differently ({len(rows)})", (table,)))
    return Section("baseline", title, lead, tuple(blocks))


def made_differently(comparison: Comparison) -> str:
    """In a sentence or two what sets the two runs apart; empty when they were made the same."""
    if not comparison.differences:
        return ""
    params = [f"{each.stage}: {each.what}" for each in comparison.differences if _is_param(each)]
    code = [each.stage for each in comparison.differences if each.what == "code"]
    said = []
    if params:
        rest = f" and {len(params) - MAX_LISTED} more" if len(params) > MAX_LISTED else ""
        said.append(f"other params ({', '.join(params[:MAX_LISTED])}{rest})")
    if code:
        rest = f" and {len(code) - MAX_LISTED} more" if len(code) > MAX_LISTED else ""
        said.append(f"other code ({', '.join(code[:MAX_LISTED])}{rest})")
    if _corpus_differs(comparison):
        said.append("another corpus, so its measures are of other text")
    return f"The baseline was made with {'; '.join(said or ['other inputs'])}."


def _reasons(now: Headline, before: Headline, notable_change_share: float) -> tuple[str, ...]:
    reasons = []
    if abs(Change(now, before, ()).share) > notable_change_share:
        reasons.append("large change")
    if before.interval and not before.interval[0] <= now.value <= before.interval[1]:
        reasons.append("outside the interval")
    return tuple(reasons)


def _row(change: Change) -> Row:
    digits = change.now.digits
    delta, share = change.now.value - change.before.value, change.share
    relative = numerals.signed_share(share) if math.isfinite(share) else "new"
    cells = (
        change.now.name,
        numerals.decimal(change.before.value, digits=digits),
        numerals.decimal(change.now.value, digits=digits),
        numerals.signed(delta, digits=digits) if delta else numerals.DASH,
        relative if delta else numerals.DASH,
        ", ".join(change.reasons),
    )
    return Row(cells, "marked" if change.reasons else "plain")


def _is_param(difference: Difference) -> bool:
    return difference.what != "code" and not difference.what.startswith(("data/", "reports/"))


def _corpus_differs(comparison: Comparison) -> bool:
    """Whether the documents that were packed are others."""
    return any(each.stage == "pack" and each.what.endswith("dedupe") for each in comparison.differences)


def _made_with(provenance: Provenance) -> dict[str, str]:
    """Params, code and inputs of a stage by name, but for the baseline, which `validate` reads."""
    inputs = {
        path: short(sha256) for path, sha256 in provenance.inputs.items() if not path.endswith("baseline")
    }
    return {**dict(flat(provenance.params)), "code": short(provenance.code), **inputs}

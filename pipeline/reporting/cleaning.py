"""What cleaning did to each source: every rule with its share and examples, languages, an audit of terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.reporting import numerals
from pipeline.reporting.document import Folded, Passage, Prose, Row, Section, Table, words_then_numbers
from pipeline.reporting.escaping import one_line
from pipeline.reporting.metrics.run import SOURCES, Run
from pipeline.reporting.metrics.text import Clean, Companion

MOST_LANGUAGES = 12  # of one source; the rest is summed up


def cleaning_section(run: Run) -> Section:
    """For each source that is on: the waterfall of the rules, examples, languages, the company of terms."""
    cleaned = {source: run.clean[source] for source in SOURCES if run.ingest[source].enabled}
    lead = (
        "A document is dropped by the first rule it breaks. Repairs, and lines that were cut from documents "
        "that were kept, are counted above."
    )
    blocks: list[Table | Folded | Prose] = []
    for source, clean in cleaned.items():
        blocks += [_waterfall(source, clean), *_examples(source, clean)]
    blocks += [*_languages(cleaned), *_audits(cleaned)]
    return Section("cleaning", "Cleaning", lead, tuple(blocks))


def _waterfall(source: str, clean: Clean) -> Table:
    """What came in, what each rule took, the most frequent first, and what is left."""
    rows = [Row(("came in", numerals.count(clean.documents_in), numerals.share(1.0, digits=2)), "total")]
    for reason, count in sorted(clean.dropped.items(), key=lambda item: (-item[1], item[0])):
        cells = (_plain(reason), numerals.MINUS + numerals.count(count), _share(count, clean.documents_in))
        rows.append(Row(cells, "detail"))
    kept = (numerals.count(clean.documents_kept), _share(clean.documents_kept, clean.documents_in))
    rows.append(Row(("kept", *kept), "total"))
    columns = (source, "Documents", "Share")
    return Table("", columns, words_then_numbers(columns), tuple(rows))


def _examples(source: str, clean: Clean) -> list[Folded]:
    """The beginnings of some documents that each rule dropped."""
    passages = tuple(
        Passage(f"{_plain(reason)}: {one_line(example.origin)} ({example.id})", "", example.beginning)
        for reason, examples in sorted(clean.examples.items())
        for example in examples
    )
    return [Folded(f"Examples dropped from {source}", passages)] if passages else []


def _languages(cleaned: Mapping[str, Clean]) -> list[Folded]:
    """How many documents of each language were found, in the sources where a rule asks for it."""
    tables = []
    for source, clean in cleaned.items():
        found = sorted(clean.languages.items(), key=lambda item: (-item[1], item[0]))
        if not found:
            continue
        total = sum(clean.languages.values())
        shown, rest = found[:MOST_LANGUAGES], sum(count for _, count in found[MOST_LANGUAGES:])
        named = [*shown, *([(f"{len(found) - MOST_LANGUAGES} others", rest)] if rest else [])]
        rows = tuple(Row((code, numerals.count(count), _share(count, total))) for code, count in named)
        columns = (source, "Documents", "Share")
        tables.append(Table("", columns, words_then_numbers(columns), rows))
    return [Folded("Languages found", tuple(tables))] if tables else []


def _audits(cleaned: Mapping[str, Clean]) -> list[Folded]:
    """Terms for people, how often they occur, and the words that stand near them beyond chance."""
    tables = [_audit(source, clean) for source, clean in cleaned.items() if clean.audit.groups]
    if not tables:
        return []
    note = Prose(
        "The last column shows words within five words of a term, those first that stand there most beyond "
        "their share of all words, with how many times as often as by chance. It says what the text holds, "
        "not what is true. Looked at: "
        + "; ".join(
            f"{numerals.count(clean.audit.words)} words of {source}"
            for source, clean in cleaned.items()
            if clean.audit.groups
        )
        + "."
    )
    return [Folded("Audit of terms for people", (note, *tables))]


def _audit(source: str, clean: Clean) -> Table:
    columns = (source, "Occurrences", "Documents", "Near it, beyond chance")
    rows = []
    for name, group in clean.audit.groups.items():
        counts = (numerals.count(group.occurrences), numerals.count(group.documents))
        rows.append(Row((name, *counts, ", ".join(_company(group.company)) or numerals.DASH)))
    return Table("", columns, ("text", "number", "number", "text"), tuple(rows))


def _company(company: Sequence[Companion]) -> Iterator[str]:
    """`flour (12.3 times)`."""
    return (f"{near.word} ({numerals.decimal(near.times, digits=1)} times)" for near in company)


def _share(part: int, whole: int) -> str:
    return numerals.share(part / whole, digits=2) if whole else numerals.DASH


def _plain(reason: str) -> str:
    return reason.replace("_", " ")

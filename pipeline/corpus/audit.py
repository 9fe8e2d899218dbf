"""Which words keep company with terms for people: a look at what bias a text may hold.

Nothing is dropped for it. A term's company are the WINDOW words before and after it; a word counts as
distinctive by how much more often it stands there than its share of all words foretells (k ln(k/expected),
the leading term of a log-likelihood ratio). Words are compared in lower case.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.corpus.shards import text_bytes
from pipeline.records import Document
from pipeline.settings.people import AuditParams

WINDOW = 5  # words on each side
MIN_COUNT = 5  # of a word in a company
MIN_TIMES = 2.0  # as often as by chance
SHOWN = 8
_WORD = re.compile(r"[^\W\d_]+")
_LETTERS_ALONE = bytes(code if chr(code).isalpha() and code < 128 else ord(" ") for code in range(256))


@dataclass(frozen=True, slots=True)
class Companion:
    """A word, how often it stands near a group's terms, and how many times as often as by chance."""

    word: str
    count: int
    times: float


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """How often a group's terms occur, in how many documents, and their most distinctive company."""

    occurrences: int
    documents: int
    company: list[Companion]


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and each group that occurs in it."""

    documents: int
    words: int
    groups: dict[str, GroupAudit]


@dataclass(slots=True)
class _Tally:
    occurrences: int = 0
    documents: int = 0
    near: Counter[str] = field(default_factory=Counter)


def audit(documents: Iterable[Document], params: AuditParams) -> Audit:
    """The company of each group of terms in the first `sample_bytes` of the documents.

    Documents come sorted by id, which is a hash of where they come from: the first ones are a random sample.
    """
    groups = terms_of(params.groups)
    names_by_term: dict[str, list[str]] = {}
    for name, terms in groups.items():
        for term in terms:
            names_by_term.setdefault(term, []).append(name)
    tallies = {name: _Tally() for name in groups}
    everything: Counter[str] = Counter()
    looked_at = 0
    for text in _sample(documents, params.sample_bytes):
        words = words_of(text)
        everything.update(words)
        _count(words, names_by_term, tallies)
        looked_at += 1
    total = sum(everything.values())
    found = {
        name: GroupAudit(
            tally.occurrences, tally.documents, distinctive(tally.near, everything, without=groups[name])
        )
        for name, tally in tallies.items()
        if tally.occurrences
    }
    return Audit(looked_at, total, found)


def words_of(text: str) -> list[str]:
    """Runs of letters in lower case.

    >>> words_of("She's 3 Söhne")
    ['she', 's', 'söhne']
    """
    lowered = text.lower()
    if lowered.isascii():  # the same, five times as fast
        return lowered.encode("ascii").translate(_LETTERS_ALONE).decode("ascii").split()
    return _WORD.findall(lowered)


def terms_of(groups: Iterable[str]) -> dict[str, frozenset[str]]:
    """The groups of params, `name: term, term`, as name -> terms in lower case.

    >>> sorted(terms_of(["old: Old, aged"])["old"])
    ['aged', 'old']
    """
    parted = (group.partition(":") for group in groups)
    return {
        name.strip(): frozenset(term.strip().lower() for term in terms.split(",") if term.strip())
        for name, _, terms in parted
    }


def distinctive(
    near: Mapping[str, int], everything: Mapping[str, int], *, without: frozenset[str]
) -> list[Companion]:
    """The words of a company that stand there most beyond chance, at most SHOWN of them."""
    share = sum(near.values()) / max(1, sum(everything.values()))
    scored = []
    for word, count in near.items():
        expected = everything[word] * share
        if count >= max(MIN_COUNT, MIN_TIMES * expected) and word not in without and len(word) > 1:
            scored.append((-count * math.log(count / expected), word, count, count / expected))
    return [Companion(word, count, round(times, 1)) for _, word, count, times in sorted(scored)[:SHOWN]]


def _count(words: list[str], names_by_term: Mapping[str, list[str]], tallies: Mapping[str, _Tally]) -> None:
    """Adds one document's words to the tallies of the groups whose terms are among them."""
    if names_by_term.keys().isdisjoint(words):
        return
    seen: set[str] = set()
    for place in [place for place, word in enumerate(words) if word in names_by_term]:
        company = words[max(0, place - WINDOW) : place] + words[place + 1 : place + 1 + WINDOW]
        for name in names_by_term[words[place]]:
            tallies[name].occurrences += 1
            tallies[name].near.update(company)
            seen.add(name)
    for name in seen:
        tallies[name].documents += 1


def _sample(documents: Iterable[Document], sample_bytes: int) -> Iterable[str]:
    """Texts until so many bytes are reached; the last one is cut at as many characters as bytes are left."""
    left = sample_bytes
    for document in documents:
        if left <= 0:
            return
        text = document.text[:left]
        left -= text_bytes(text)
        yield text

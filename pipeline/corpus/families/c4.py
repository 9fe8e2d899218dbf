"""The rules of C4: lines that are no sentences are cut, and pages with too few left are dropped.

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer"
(arXiv:1910.10683), section 2.2. Its list of bad words is no part of this.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.settings.web_rules import C4Params

NOTICES = {  # what a line speaks of, and the reason to cut it
    "javascript": "javascript",
    "terms of use": "policy",
    "privacy policy": "policy",
    "cookie policy": "policy",
    "uses cookies": "policy",
    "use of cookies": "policy",
    "use cookies": "policy",
}
DUMMY = "lorem ipsum"
_END_MARKS = (".", "?", "!", '"', "'")
_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_SENTENCE_END = re.compile(r"""[.?!…]+["'”’)\]]*(?=\s|$)""")


@dataclass(frozen=True, slots=True)
class Sentences:
    """What is left of a text: its lines that are sentences, or the reason why nothing is.

    `cut` counts the lines that went, by reason.
    """

    text: str
    reason: str
    cut: Counter[str]


def keep_sentences(text: str, params: C4Params) -> Sentences:
    """Cuts the lines that break a rule of the family; the reason is "" for a text to keep."""
    page = "\n".join(map(str.strip, text.split("\n")))
    if params.cut_citations and "[" in page:
        page = _CITATION.sub("", page)
    lowered = page.lower()
    notices = [
        notice for notice in NOTICES if notice in lowered
    ]  # lines are searched for what the page holds
    is_dummy = DUMMY in lowered
    is_code = params.drop_curly_brackets and "{" in page
    kept: list[str] = []
    cut: Counter[str] = Counter()
    for line in filter(None, page.split("\n")):
        reason = reason_to_cut(line, notices, params)
        if reason:
            cut[reason] += 1
        elif is_dummy and DUMMY in line.lower():
            return Sentences("", "c4_lorem_ipsum", cut)
        elif is_code and "{" in line:
            return Sentences("", "c4_curly_bracket", cut)
        else:
            kept.append(line)
    reason = "" if _are_sentences(kept, at_least=params.min_sentences) else "c4_few_sentences"
    return Sentences("\n".join(kept), reason, cut)


def reason_to_cut(line: str, notices: Iterable[str], params: C4Params) -> str:
    """The first rule that a line without space around it breaks, or "" for a line to keep."""
    if params.require_end_mark and (not line.endswith(_END_MARKS) or line.endswith("...")):
        return "no_end_mark"
    if len(line.split(None, params.min_line_words - 1)) < params.min_line_words:
        return "few_words"
    if len(line) > params.max_word_chars and max(map(len, line.split())) > params.max_word_chars:
        return "long_word"
    return next((NOTICES[notice] for notice in notices if notice in line.lower()), "")


def _are_sentences(lines: Sequence[str], *, at_least: int) -> bool:
    """Whether there are so many; every line is one or more."""
    if len(lines) >= at_least:
        return True
    return sum(max(1, len(_SENTENCE_END.findall(line))) for line in lines) >= at_least

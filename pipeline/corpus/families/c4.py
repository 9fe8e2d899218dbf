"""The rules of C4: lines that are no sentences are cut, and pages with too few left are dropped.

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer"
(arXiv:1910.10683), section 2.2. Its list of bad words is no part of this.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.settings.web_rules import C4Params

POLICY_PHRASES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
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
    kept: list[str] = []
    cut: Counter[str] = Counter()
    for line in text.split("\n"):
        plain = _CITATION.sub("", line.strip()) if params.cut_citations and "[" in line else line.strip()
        if not plain:
            continue
        reason = reason_to_cut(plain, params)
        if reason:
            cut[reason] += 1
        elif "lorem ipsum" in plain.lower():
            return Sentences("", "c4_lorem_ipsum", cut)
        elif params.drop_curly_brackets and "{" in plain:
            return Sentences("", "c4_curly_bracket", cut)
        else:
            kept.append(plain)
    sentences = sum(max(1, len(_SENTENCE_END.findall(line))) for line in kept)
    reason = "c4_few_sentences" if sentences < params.min_sentences else ""
    return Sentences("\n".join(kept), reason, cut)


def reason_to_cut(line: str, params: C4Params) -> str:
    """The first rule that a line without space around it breaks, or "" for a line to keep."""
    if params.require_end_mark and (not line.endswith(_END_MARKS) or line.endswith("...")):
        return "no_end_mark"
    words = line.split()
    if len(words) < params.min_line_words:
        return "few_words"
    if len(line) > params.max_word_chars and max(map(len, words)) > params.max_word_chars:
        return "long_word"
    lowered = line.lower()
    if "javascript" in lowered:
        return "javascript"
    if any(phrase in lowered for phrase in POLICY_PHRASES):
        return "policy"
    return ""

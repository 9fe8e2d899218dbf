"""The thresholds that tests of the rule families start from, those of the papers; other rules are off."""

from __future__ import annotations

from pipeline.settings.language import LanguageParams
from pipeline.settings.people import AuditParams, BlocklistParams, PersonalDataParams
from pipeline.settings.web_rules import (
    C4Params,
    FinewebParams,
    GopherQualityParams,
    GopherRepetitionParams,
)

REPETITION = GopherRepetitionParams(
    sources=("openwebtext",),
    max_paragraph_share=0.3,
    max_paragraph_char_share=0.2,
    max_line_share=0.3,
    max_line_char_share=0.2,
    max_top_ngram_char_shares=(0.2, 0.18, 0.16),
    max_repeated_ngram_char_shares=(0.15, 0.14, 0.13, 0.12, 0.11, 0.1),
)
QUALITY = GopherQualityParams(
    sources=("openwebtext",),
    min_words=50,
    max_words=1000,
    min_mean_word_chars=3.0,
    max_mean_word_chars=10.0,
    max_symbol_share=0.1,
    max_bullet_line_share=0.9,
    max_ellipsis_line_share=0.3,
    min_alphabetic_share=0.8,
    min_stop_words=2,
)
C4 = C4Params(
    sources=("openwebtext",),
    require_end_mark=True,
    min_line_words=3,
    max_word_chars=1000,
    min_sentences=5,
    cut_citations=True,
    drop_curly_brackets=True,
)
FINEWEB = FinewebParams(
    sources=("openwebtext",),
    min_ended_line_share=0.12,
    short_line_chars=30,
    max_short_line_share=0.67,
    max_repeated_line_char_share=0.01,
    max_line_ends_per_token=0.3,
)
LANGUAGE = LanguageParams(sources=(), keep=("en",), min_probability=0.5)
BLOCKLIST = BlocklistParams(sources=(), words=(), max_share=0.0)
PERSONAL_DATA = PersonalDataParams((), True, True, True, True)
AUDIT = AuditParams(sample_bytes=0, groups=())
PROSE = """\
The mill stands where the river bends, and it has stood there for three hundred years.
Its wheel was made of oak; the last miller had it replaced by one of iron after the flood.
Grain came in from the villages around, was weighed, cleaned and ground between two stones.
What fell through the sieves was sold in the town, and the bran was kept to feed the pigs.
Nobody knows who carved the date above the door, but every child has traced it with a finger.
Today the stones turn only on feast days, when visitors may carry home a small bag of flour.
"""

"""What the report reads of the stages that work on text.

Each class is the part of a stage's metrics that the page shows; the stages write more.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.metrics.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Ingest:
    """What one source offered and what was taken; `examples` names some documents dropped for each reason."""

    enabled: bool
    documents_in: int
    documents_kept: int
    bytes_kept: int
    dropped: dict[str, int]
    examples: dict[str, list[str]]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Example:
    """A document that a rule dropped, and how its text begins."""

    id: str
    origin: str
    beginning: str


@dataclass(frozen=True, slots=True)
class Companion:
    """A word near a group's terms, and how many times as often as by chance."""

    word: str
    count: int
    times: float


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """How often a group's terms occur, in how many documents, and the words near them."""

    occurrences: int
    documents: int
    company: list[Companion]


@dataclass(frozen=True, slots=True)
class Audit:
    """How many words were looked at, and each group of terms found among them."""

    documents: int
    words: int
    groups: dict[str, GroupAudit]


@dataclass(frozen=True, slots=True)
class Clean:
    """What cleaning one source kept; a repair is counted once for each document it changed.

    `lines_cut` counts the lines that went from kept documents, by rule; `languages` the documents in which
    each was found.
    """

    documents_in: int
    documents_kept: int
    dropped: dict[str, int]
    bytes_in: int
    bytes_kept: int
    repaired: dict[str, int]
    lines_cut: dict[str, int]
    languages: dict[str, int]
    examples: dict[str, list[Example]]
    audit: Audit
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """What came to deduplication from one source and what of it was kept."""

    documents_in: int
    documents_kept: int
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Blend:
    """The train documents of one source and their bytes: before the mixture, and left by it."""

    documents_in: int
    documents: int
    bytes_in: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FoundExample:
    """A dropped document, and the item of an evaluation set that it has text of."""

    document: str
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class FoundSet:
    """What of one evaluation set was found in the documents."""

    items: int
    items_too_short: int
    items_hit: int
    documents_hit: int
    examples: list[FoundExample]


@dataclass(frozen=True, slots=True)
class Losses:
    """What the documents of one source lost of paragraphs that others have.

    The paragraphs and bytes are those of the documents that are kept; the others were dropped for what they
    lost, or because they, or others, were duplicates without it.
    """

    documents: int
    paragraphs: int
    bytes: int
    too_little_left: int
    duplicates_then: int


@dataclass(frozen=True, slots=True)
class RepeatedParagraph:
    """A paragraph that so many documents had, and the document that keeps it."""

    documents: int
    kept_in: str
    text: str


@dataclass(frozen=True, slots=True)
class RepeatedParagraphs:
    """What was cut, by source, and the commonest of it."""

    by_source: dict[str, Losses]
    examples: list[RepeatedParagraph]


@dataclass(frozen=True, slots=True)
class Dedupe:
    """The account of deduplication over all sources."""

    documents_in: int
    documents_kept: int
    dropped: dict[str, int]
    clusters: int
    largest_cluster: int
    by_source: dict[str, SourceAccount]
    mixture: dict[str, Blend]
    contamination: dict[str, FoundSet]
    repeated_paragraphs: RepeatedParagraphs
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class SourceFit:
    """How the tokenizer cuts the text of one source."""

    documents: int
    bytes: int
    tokens: int
    bytes_per_token: float


@dataclass(frozen=True, slots=True)
class CutText:
    """The beginning of a document as text and as the pieces it is cut into."""

    text: str
    pieces: list[str]


@dataclass(frozen=True, slots=True)
class Fertility:
    """How the vocabulary fits the train split."""

    bytes: int
    bytes_per_token: float
    byte_token_share: float
    spelled_share: float
    unused_pieces: int
    unused_examples: list[str]
    longest_pieces: list[str]
    by_source: dict[str, SourceFit]
    examples: list[CutText]


@dataclass(frozen=True, slots=True)
class TokenizerSample:
    """The text the tokenizer learned from, of all train text."""

    train_documents: int
    train_bytes: int
    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TrainBpe:
    """The tokenizer."""

    model_type: str
    vocab_size: int
    sample: TokenizerSample
    fertility: Fertility
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class SourceTokens:
    """The documents of one source in a packed split."""

    documents: int
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PackedSplit:
    """One packed split; `utilization` is the share of places in its blocks that hold a token."""

    documents: int
    tokens: int
    bytes: int
    blocks: int
    utilization: float
    bytes_per_token: float
    by_source: dict[str, SourceTokens]


@dataclass(frozen=True, slots=True)
class Pack:
    """All packed splits."""

    splits: dict[str, PackedSplit]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many documents there are, how large they are, and how their lengths in characters are spread."""

    documents: int
    bytes: int
    mean_chars: float
    percentiles_chars: dict[str, int]


@dataclass(frozen=True, slots=True)
class Drift:
    """How much longer the mean text is than the baseline's: 0.1 is a tenth; `status` says if they compare."""

    status: str
    baseline_mean_chars: float | None
    change_share: float | None


@dataclass(frozen=True, slots=True)
class Validate:
    """The corpus that passed the gate."""

    expectations: int
    overall: Lengths
    by_split: dict[str, Lengths]
    by_source: dict[str, Lengths]
    drift: Drift
    provenance: Provenance

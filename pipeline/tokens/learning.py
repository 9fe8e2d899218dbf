"""How a tokenizer is learned from text: SentencePiece's trainer, told what to do and asked what it did.

The trainer reads sentences of at most 4,192 bytes and knows nothing of documents. What it refuses comes out
as one line with the key of params.yaml and the sizes that are possible for the text.
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Iterable, Iterator

import sentencepiece

from pipeline.errors import DataError, GristmillError, ParamsError, ResourceError
from pipeline.settings.train_bpe import ModelType
from pipeline.tokens.bpe import BEGIN, CONTROLS, END, PADDING, UNKNOWN

ALWAYS_PIECES = "\n\t" + "".join(map(chr, range(0x21, 0x7F)))  # rare in this text or not, never single bytes
CHARACTER_COVERAGE = 0.9999  # of all characters read; the rarest beyond it become bytes
MAX_SENTENCE_BYTES = 4192  # the trainer drops longer ones without a word
RESERVED = "\u2585"  # the trainer drops a sentence with this character; it is encoded as bytes
LOWEST_VOCAB_SIZE = 300  # that params allow
MEMORY_OF_A_BYTE: dict[ModelType, int] = {"bpe": 12, "unigram": 25, "char": 12, "word": 12}  # of the sample
_SILENT = 3  # of the trainer's own log only what ends the process
_TOO_LARGE = re.compile(r"Vocabulary size too high .*value <= (\d+)")
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """A trained tokenizer file and what it was trained on; `bytes_used` lacks only reserved characters."""

    model: bytes
    sentences: int
    bytes_in: int
    bytes_used: int


def train(
    texts: Callable[[], Iterable[str]],
    *,
    model_type: ModelType,
    vocab_size: int,
    split_digits: bool,
    max_piece_chars: int,
) -> Trained:
    """Learns a vocabulary of exactly `vocab_size` from the texts: the same texts, the same bytes.

    `texts` is called for each pass over them. ParamsError with the feasible range when they hold too few
    different character sequences for the vocabulary, or more characters than it has room for; DataError when
    they are empty or too few for any vocabulary.
    """
    fed = _Feed(texts)

    def attempt(size: int) -> bytes:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(fed),
            model_writer=model,
            model_type=model_type,
            vocab_size=size,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            byte_fallback=True,
            required_chars=ALWAYS_PIECES,
            character_coverage=CHARACTER_COVERAGE,
            split_digits=split_digits,
            max_sentencepiece_length=max_piece_chars,
            max_sentence_length=MAX_SENTENCE_BYTES,
            num_threads=1,  # another number changes the bytes
            unk_id=CONTROLS.index(UNKNOWN),
            bos_id=CONTROLS.index(BEGIN),
            eos_id=CONTROLS.index(END),
            pad_id=CONTROLS.index(PADDING),
            control_symbols=list(CONTROLS[4:]),
            minloglevel=_SILENT,
        )
        return model.getvalue()

    try:
        model = attempt(vocab_size)
    except RuntimeError as error:
        if fed.failure:
            raise fed.failure from None
        if not fed.sentences:
            raise DataError("the sampled train documents hold no text to learn from") from error
        raise _refusal(vocab_size, str(error), attempt) from error
    found = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    if found != vocab_size:  # of characters it takes those there are and says nothing
        raise _out_of_range(vocab_size, lowest=LOWEST_VOCAB_SIZE, highest=found)
    return Trained(model, fed.sentences, fed.bytes_in, fed.bytes_used)


def sentences(text: str) -> Iterator[str]:
    """The text in parts of at most 4,192 bytes, cut after a line, else before a space, else anywhere.

    Joined they are the text without U+2585, which the trainer takes for a mark of its own.
    """
    for part in text.split(RESERVED):
        data, start = part.encode(), 0
        while start < len(data):
            end = _cut(data, start)
            yield data[start:end].decode()
            start = end


def require_memory(sample_bytes: int, *, model_type: ModelType, free_bytes: int) -> None:
    """ResourceError unless training on so many bytes of text fits into the memory that is free."""
    needed = sample_bytes * MEMORY_OF_A_BYTE[model_type]
    if needed > free_bytes:
        raise ResourceError(
            f"train_bpe.sample_bytes: {sample_bytes} bytes of text take up to {needed / 1e9:.1f} GB "
            f"of memory with model_type {model_type}, and {free_bytes / 1e9:.1f} GB are free: lower it to "
            f"{free_bytes // MEMORY_OF_A_BYTE[model_type]} or free some"
        )


class _Feed:
    """The sentences of all texts, how much of them there was in the last pass, and what broke it off.

    The trainer turns any error of its input into a RuntimeError; `failure` is the error itself.
    """

    def __init__(self, texts: Callable[[], Iterable[str]]) -> None:
        self._texts = texts
        self.sentences = self.bytes_in = self.bytes_used = 0
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[str]:
        self.sentences = self.bytes_in = self.bytes_used = 0
        try:
            for text in self._texts():
                self.bytes_in += len(text.encode())
                for sentence in sentences(text):
                    self.sentences += 1
                    self.bytes_used += len(sentence.encode())
                    yield sentence
        except (GristmillError, OSError, MemoryError, KeyboardInterrupt) as error:
            self.failure = error
            raise


def _cut(data: bytes, start: int) -> int:
    """Where the sentence that starts there ends."""
    end = start + MAX_SENTENCE_BYTES
    if len(data) <= end:
        return len(data)
    line = data.rfind(b"\n", start, end) + 1
    space = data.rfind(b" ", start + 1, end)
    if max(line, space) > 0:
        return line or space
    while data[end] & 0b1100_0000 == 0b1000_0000:  # the second to fourth byte of a character
        end -= 1
    return end


def _refusal(vocab_size: int, said: str, attempt: Callable[[int], bytes]) -> GristmillError:
    """What the trainer said about a vocabulary of that size, in our words."""
    if small := _TOO_SMALL.search(said):
        return ParamsError(
            f"train_bpe.vocab_size: {vocab_size} is not possible for this text: its characters, bytes and "
            f"control tokens alone take {small[1]}; raise it"
        )
    large = _TOO_LARGE.search(said)
    if not large:
        told = said.strip().partition("\n")[0]
        return DataError(f"SentencePiece could not train on the sample of the train split ({told})")
    lowest = LOWEST_VOCAB_SIZE
    try:
        attempt(len(CONTROLS) + 256)  # refused at once: no room for a single character
    except RuntimeError as error:
        if small := _TOO_SMALL.search(str(error)):
            lowest = max(lowest, int(small[1]))
    return _out_of_range(vocab_size, lowest=lowest, highest=int(large[1]))


def _out_of_range(vocab_size: int, *, lowest: int, highest: int) -> GristmillError:
    """The refusal of a size outside the range, or of the text where that is empty."""
    if highest < lowest:
        return DataError(
            f"the sampled train documents have pieces for a vocabulary of {highest} at most, and "
            f"train_bpe.vocab_size cannot be below {lowest}; ingest more text"
        )
    return ParamsError(
        f"train_bpe.vocab_size: {vocab_size} is not possible for this text: it must be {lowest} to "
        f"{highest}; lower it or use more text"
    )

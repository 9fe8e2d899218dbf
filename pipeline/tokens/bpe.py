"""The tokenizer: SentencePiece BPE in which every text survives encoding and decoding.

Nothing is normalized and no space is added; a character without a piece becomes its UTF-8 bytes. The first
ids are fixed: unknown, begin, end and padding, the marks of a conversation, then one id for each byte. Those
marks are control symbols: text that spells one is encoded like any other, so no document can forge one.

The one exception is U+2581, which SentencePiece itself writes for a space: it comes back as a space.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece

from pipeline.artifacts import open_artifact
from pipeline.errors import DataError, GristmillError, IntegrityError, ParamsError
from pipeline.tokens.sampling import Text

KIND = "tokenizer"
MODEL_FILE = "tokenizer.model"
UNKNOWN, BEGIN, END, PADDING = "<unk>", "<s>", "</s>", "<pad>"
USER, ASSISTANT, END_OF_TURN = "<|user|>", "<|assistant|>", "<|end|>"
CONTROLS = (UNKNOWN, BEGIN, END, PADDING, USER, ASSISTANT, END_OF_TURN)  # ids 0 to 6
SPACE = "\u2581"  # how a piece writes a space

ALWAYS_PIECES = "\n\t" + "".join(map(chr, range(0x21, 0x7F)))  # rare in this text or not, never single bytes
CHARACTER_COVERAGE = 0.9999  # of all characters read; the rarest beyond it become bytes
MAX_SENTENCE_BYTES = 4192  # the trainer drops longer ones without a word
RESERVED = "\u2585"  # the trainer drops a sentence with this character; it is encoded as bytes
_SILENT = 3  # of the trainer's own log only what ends the process
_TOO_LARGE = re.compile(r"Vocabulary size too high .*value <= (\d+)")
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")

Ids = npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """A trained tokenizer file and what it was trained on; `bytes_used` lacks only reserved characters."""

    model: bytes
    sentences: int
    bytes_in: int
    bytes_used: int


class Tokenizer:
    """Text to ids and back. `Tokenizer.open("data/train_bpe")` verifies the artifact first.

        ids = tokenizer.encode("Return a new array")
        assert tokenizer.decode(ids) == "Return a new array"

    Neither direction adds a control id. `model` is the tokenizer file's bytes and `sha256` identifies it.
    """

    unk_id, bos_id, eos_id, pad_id, user_id, assistant_id, end_id = range(len(CONTROLS))

    def __init__(self, model: bytes, *, origin: str) -> None:
        self.model = model
        self.sha256 = hashlib.sha256(model).hexdigest()
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise IntegrityError(f"{origin}: not a SentencePiece model; rebuild it") from error
        self.vocab_size: int = self._processor.get_piece_size()
        found = tuple(self.piece(id) for id in range(min(len(CONTROLS), self.vocab_size)))
        if found != CONTROLS:
            raise IntegrityError(f"{origin}: its first pieces are {found}, not {CONTROLS}; rebuild it")

    @classmethod
    def open(cls, path: Path) -> Tokenizer:
        """The tokenizer of the artifact at `path`. IntegrityError when it is damaged or of another kind."""
        file = open_artifact(path, kind=KIND).file(MODEL_FILE)
        return cls(file.read_bytes(), origin=str(file))

    def facts(self) -> dict[str, int]:
        """What the tokenizer's artifact records about it: its size and the ids of the control symbols."""
        names = ("unk_id", "bos_id", "eos_id", "pad_id", "user_id", "assistant_id", "end_id")
        return {"vocab_size": self.vocab_size, **{name: getattr(self, name) for name in names}}

    def encode(self, text: str) -> list[int]:
        """The ids of the text. DataError for a lone surrogate, which no UTF-8 text holds."""
        return [int(id) for id in self.encode_many([text])[0]]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, int32, shape (tokens of the text,); on the calling thread only."""
        try:
            data = [text.encode() for text in texts]
        except UnicodeEncodeError as error:
            raise DataError(
                f"text holds a lone surrogate ({error.reason}); write it as valid Unicode"
            ) from error
        encoded: list[Ids] = self._processor.encode(data, return_type="numpy", num_threads=1)
        return encoded

    def decode(self, ids: Sequence[int] | npt.NDArray[np.integer]) -> str:
        """The text of the ids; control ids have none. IndexError for an id outside the vocabulary."""
        text: str = self._processor.decode(ids.tolist() if isinstance(ids, np.ndarray) else list(ids))
        return text

    def piece(self, id: int) -> str:
        """What the id stands for, with U+2581 for a space and `<0x0A>` for a byte."""
        text: str = self._processor.id_to_piece(id)
        return text

    def score(self, id: int) -> float:
        """The merge priority of the id: the higher, the earlier its parts are merged."""
        return float(self._processor.get_score(id))

    def is_byte(self, id: int) -> bool:
        """Whether the id stands for one byte of a character that has no piece."""
        return bool(self._processor.is_byte(id))


def encode_exactly(tokenizer: Tokenizer, texts: Sequence[Text]) -> list[Ids]:
    """The ids of each text, checked to decode to that text. DataError naming the first that does not."""
    encoded = tokenizer.encode_many([text.text for text in texts])
    for text, ids in zip(texts, encoded, strict=True):
        if tokenizer.decode(ids) != text.text:
            raise DataError(
                f"document {text.id}: comes back altered; if it holds U+2581, `clean` must replace it"
            )
    return encoded


def train(
    texts: Callable[[], Iterable[str]], *, vocab_size: int, split_digits: bool, max_piece_chars: int
) -> Trained:
    """Learns a vocabulary of exactly `vocab_size` from the texts: the same texts, the same bytes.

    `texts` is called for each pass over them. ParamsError with the feasible range when they hold too few
    different character sequences for the vocabulary, or more characters than it has room for; DataError when
    they are empty.
    """
    fed = _Feed(texts)

    def attempt(size: int) -> bytes:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(fed),
            model_writer=model,
            model_type="bpe",
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
        return Trained(attempt(vocab_size), fed.sentences, fed.bytes_in, fed.bytes_used)
    except RuntimeError as error:
        if fed.failure:
            raise fed.failure from None
        if not fed.sentences:
            raise DataError("the sampled train documents hold no text to learn from") from error
        raise _infeasible(vocab_size, str(error), attempt) from error


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


def _infeasible(vocab_size: int, said: str, attempt: Callable[[int], bytes]) -> Exception:
    """The trainer's refusal as a ParamsError with the sizes that are possible for this text."""
    rule = f"train_bpe.vocab_size: {vocab_size} is not possible for this text"
    if small := _TOO_SMALL.search(said):
        return ParamsError(
            f"{rule}: its characters, bytes and control tokens alone take {small[1]}; raise it"
        )
    large = _TOO_LARGE.search(said)
    if not large:
        return DataError(f"SentencePiece could not train on the sample of the train split: {said.strip()}")
    try:
        attempt(len(CONTROLS) + 256)  # refused at once: no room for a single character
    except RuntimeError as error:
        small = _TOO_SMALL.search(str(error))
    lowest = small[1] if small else str(len(CONTROLS) + 256)
    return ParamsError(f"{rule}: it must be {lowest} to {large[1]}; lower it or use more text")

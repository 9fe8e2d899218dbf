"""The tokenizer: a SentencePiece model in which every text survives encoding and decoding.

Nothing is normalized and no space is added; what has no piece becomes its UTF-8 bytes, whatever the type of
the model (bpe, unigram, char, word). The first ids are fixed: unknown, begin, end and padding, the marks of a
conversation, then one id for each byte. Those marks are control symbols: text that spells one is encoded like
any other, so no document can forge one.

The one exception is U+2581, which SentencePiece itself writes for a space: it comes back as a space.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sentencepiece

from pipeline.artifacts import open_artifact
from pipeline.errors import DataError, IntegrityError
from pipeline.settings.train_bpe import ModelType

KIND = "tokenizer"
MODEL_FILE = "tokenizer.model"
UNKNOWN, BEGIN, END, PADDING = "<unk>", "<s>", "</s>", "<pad>"
USER, ASSISTANT, END_OF_TURN = "<|user|>", "<|assistant|>", "<|end|>"
CONTROLS = (UNKNOWN, BEGIN, END, PADDING, USER, ASSISTANT, END_OF_TURN)  # ids 0 to 6
SPACE = "\u2581"  # how a piece writes a space
_MODEL_TYPES: dict[int, ModelType] = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}  # as the file has them
_TRAINER_SPEC, _MODEL_TYPE = 2, 3  # fields of the file's messages
_NUMBER, _EIGHT_BYTES, _FOUR_BYTES = 0, 1, 5  # how a field is stored; else its length comes first

Ids = npt.NDArray[np.int32]


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
        self.model_type = _model_type(model)
        has_space = self._processor.piece_to_id(SPACE) != self.unk_id
        self._spells_spaces = self.model_type == "word" or not has_space

    @classmethod
    def open(cls, path: Path) -> Tokenizer:
        """The tokenizer of the artifact at `path`. IntegrityError when it is damaged or of another kind."""
        file = open_artifact(path, kind=KIND).file(MODEL_FILE)
        return cls(file.read_bytes(), origin=str(file))

    def facts(self) -> dict[str, Any]:
        """What the tokenizer's artifact records about it: type, size and the ids of the control symbols."""
        names = ("unk_id", "bos_id", "eos_id", "pad_id", "user_id", "assistant_id", "end_id")
        ids = {name: getattr(self, name) for name in names}
        return {"model_type": self.model_type, "vocab_size": self.vocab_size, **ids}

    def encode(self, text: str) -> list[int]:
        """The ids of the text. DataError for a lone surrogate, which no UTF-8 text holds."""
        return [int(id) for id in self.encode_many([text])[0]]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, int32, shape (tokens of the text,); on the calling thread only.

        DataError for a text with a lone surrogate.
        """
        try:
            data = [text.encode() for text in texts]
        except UnicodeEncodeError as error:
            raise DataError(
                f"text holds a lone surrogate ({error.reason}); write it as valid Unicode"
            ) from error
        encoded: list[Ids] = self._processor.encode(data, return_type="numpy", num_threads=1)
        return list(map(self._with_plain_spaces, encoded)) if self._spells_spaces else encoded

    def decode(self, ids: Sequence[int] | npt.NDArray[np.integer]) -> str:
        """The text of the ids; control ids have none. IndexError for an id outside the vocabulary."""
        text: str = self._processor.decode(ids.tolist() if isinstance(ids, np.ndarray) else list(ids))
        return text

    def piece(self, id: int) -> str:
        """What the id stands for, with U+2581 for a space and `<0x0A>` for a byte."""
        text: str = self._processor.id_to_piece(id)
        return text

    def piece_bytes(self, id: int) -> bytes:
        """What the id adds to the UTF-8 of a text: nothing for a control symbol."""
        if self.is_byte(id):
            return bytes.fromhex(self.piece(id)[3:5])  # <0x0A>
        return b"" if id < len(CONTROLS) else self.piece(id).replace(SPACE, " ").encode()

    def score(self, id: int) -> float:
        """The merge priority of the id (bpe: the higher, the earlier its parts are merged), or how likely it
        is.
        """
        return float(self._processor.get_score(id))

    def is_byte(self, id: int) -> bool:
        """Whether the id stands for one byte of a character, or of a word, that has no piece."""
        return bool(self._processor.is_byte(id))

    def _with_plain_spaces(self, ids: Ids) -> Ids:
        """The ids in which every U+2581 that is spelled in three bytes is the byte of the space it is."""
        first, second, third = (self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in SPACE.encode())
        at = np.flatnonzero((ids[:-2] == first) & (ids[1:-1] == second) & (ids[2:] == third))
        spelled = np.array(ids)  # the one that was given is not ours to write to
        spelled[at] = self._processor.piece_to_id("<0x20>")
        return np.delete(spelled, np.concatenate((at + 1, at + 2)))


def _model_type(model: bytes) -> ModelType:
    """The type that the file of a SentencePiece model names; it leaves out its default, unigram."""
    (spec,) = (value for field, value in _fields(model) if field == _TRAINER_SPEC)
    assert isinstance(spec, bytes), "the trainer's settings are a message of their own"
    named = [value for field, value in _fields(spec) if field == _MODEL_TYPE]
    return _MODEL_TYPES[int(named[-1])] if named else "unigram"


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a Protocol Buffers message that a reader of them has accepted."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == _NUMBER:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(key & 7)
        if size is None:
            size, at = _varint(message, at)
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number of seven bits a byte that begins there, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at

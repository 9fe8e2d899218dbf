"""Questions about a documented symbol and a text, with the answers that the text itself gives.

What a function is for has to be known, from having read its documentation; every other answer stands in the
question. How a question is put follows from the name it asks about: wording, long or short name, with or
without its signature, with or without backquotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from pipeline.model.conversations import Pair, text_hash

_CALL_PURPOSE = ("What does {} do?", "What is {} for?", "Describe {} in one sentence.", "Explain {}.")
_THING_PURPOSE = ("What is {}?", "Describe {} in one sentence.", "Explain {}.", "What do you know of {}?")
_PARAMETERS = (
    "Which parameters does {} take?",
    "What are the parameters of {}?",
    "List the parameters of {}.",
)
_RETURNS = ("What does {} return?", "Which type does {} return?", "What is the return type of {}?")
_MODULE = ("Which module is {} in?", "Where do I find {}?", "What do I import to use {}?")
_SUMMARY = ("Summarize in one sentence: {}", "Say this in one sentence:\n\n{}", "{}\n\nWhat is this about?")
_CONTINUATION = ("Continue this text:\n\n{}", "How does this go on?\n\n{}", "What comes next?\n\n{}")
MOST_PARAMETERS = 10
OPENING_CHARS = 240  # of the text to be summarized
PASSAGE_CHARS = (200, 800)  # of a paragraph that is cut in two
PASSAGES = 40  # of one document
_Option = TypeVar("_Option")


def about_symbol(detail: Mapping[str, str], text: str) -> Iterator[Pair]:
    """What the symbol is for and, where there is one, a question whose answer stands in it.

    `detail` is the metadata of a pydocs document, `text` its text. Nobody asks about what is defined inside a
    function, a topic of the language reference is no symbol, and some have no first sentence.
    """
    if detail["kind"] == "topic" or not detail["summary"] or "<locals>" in detail["symbol"]:
        return
    wordings = _CALL_PURPOSE if detail["kind"] == "function" else _THING_PURPOSE
    yield _pair("purpose", wordings, _named(detail), detail["summary"])
    readable = [*_parameters(detail), *_returns(detail), *_module(detail), *_summary(detail, text)]
    if readable:
        yield _chosen(readable, f"{detail['name']} answered from the question")


def about_text(text: str) -> Iterator[Pair]:
    """Paragraphs of any text, to be continued from their middle."""
    shortest, longest = PASSAGE_CHARS
    passages = {" ".join(paragraph.split()) for paragraph in text.split("\n\n")}
    fitting = sorted((each for each in passages if shortest <= len(each) <= longest), key=text_hash)
    for passage in fitting[:PASSAGES]:
        beginning, space, rest = passage[: len(passage) // 2].rpartition(" ")
        if space:
            yield _pair("continuation", _CONTINUATION, beginning, f"{rest}{passage[len(passage) // 2 :]}")


def _parameters(detail: Mapping[str, str]) -> Iterator[Pair]:
    names = [f"`{name}`" for name in detail["parameters"].split(", ") if name]
    if not detail["signature"] or detail["signature"].endswith("...)") or len(names) > MOST_PARAMETERS:
        return
    listed = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:]))) or "It takes none"
    yield _pair("parameters", _PARAMETERS, _named(detail, signature=True), f"{listed}.")


def _returns(detail: Mapping[str, str]) -> Iterator[Pair]:
    _, arrow, annotation = detail["signature"].rpartition(") -> ")
    if arrow:
        yield _pair("returns", _RETURNS, _named(detail, signature=True), f"`{annotation}`.")


def _module(detail: Mapping[str, str]) -> Iterator[Pair]:
    module = detail["name"].removesuffix(f".{detail['symbol']}")
    if detail["symbol"] and module != detail["name"]:
        yield _pair("module", _MODULE, _quoted(detail["name"]), f"`{module}`.")


def _summary(detail: Mapping[str, str], text: str) -> Iterator[Pair]:
    """The beginning of the documentation, behind its heading, down to its first sentence."""
    opening = " ".join(text.partition("\n\n")[2].split())[:OPENING_CHARS].rpartition(" ")[0]
    if opening.startswith(detail["summary"]) and len(opening) >= len(detail["summary"]) * 1.5:
        yield _pair("summary", _SUMMARY, opening, detail["summary"])


def _named(detail: Mapping[str, str], *, signature: bool | None = None) -> str:
    """The symbol in one of the forms in which people name it; `signature` decides about that part."""
    name, symbol = detail["name"], detail["symbol"]
    short = ".".join(symbol.split(".")[-2:]) or name
    shown = _chosen((name, name, short), f"{name} length")
    with_signature = _chosen((True, False), f"{name} signature") if signature is None else signature
    return _quoted(f"{shown}{detail['signature']}" if with_signature else shown)


def _quoted(name: str) -> str:
    return _chosen((f"`{name}`", f"`{name}`", name), f"{name} quotes")


def _pair(kind: str, wordings: Sequence[str], subject: str, answer: str) -> Pair:
    return Pair(_chosen(wordings, f"{kind} {subject}").format(subject), answer, kind)


def _chosen(options: Sequence[_Option], key: str) -> _Option:
    """One of the options: the same for the same key."""
    return options[text_hash(key) % len(options)]

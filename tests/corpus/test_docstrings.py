"""Docstrings are found wherever they stand, without running anything."""

from __future__ import annotations

import gc
import warnings

import pytest

from pipeline.corpus.docstrings import (
    NotParsableError,
    docstrings,
    first_sentence,
    language_topics,
    without_collection,
)

SOURCE = b'''"""The module."""
import does_not_exist

class Thing:
    """A thing.

    Example:
        indented more
    """

    @property
    def size(self) -> int:
        """Its size."""

    @size.setter
    def size(self, value): "Sets its size."

    async def wait(self, *, seconds: float = 1.5) -> None:
        """Waits."""
        def inner():
            """Inside."""

    def silent(self): ...

if True:
    try:
        def guarded(a, /, b, *c, d=None, **e):
            """Guarded."""
    except Exception:
        def guarded():
            """Otherwise."""
'''


def test_definitions_are_found_in_source_order_with_qualified_names_and_repeats() -> None:
    found = [(d.symbol, d.repeat, d.kind, d.signature()) for d in docstrings(SOURCE)]
    assert found == [
        ("", 1, "module", ""),
        ("Thing", 1, "class", ""),
        ("Thing.size", 1, "function", "(self) -> int"),
        ("Thing.size", 2, "function", "(self, value)"),
        ("Thing.wait", 1, "function", "(self, *, seconds: float=1.5) -> None"),
        ("Thing.wait.<locals>.inner", 1, "function", "()"),
        ("guarded", 1, "function", "(a, /, b, *c, d=None, **e)"),
        ("guarded", 2, "function", "()"),
    ]
    assert docstrings(SOURCE)[1].text == "A thing.\n\nExample:\n    indented more"


def test_parameters_are_what_a_caller_gives() -> None:
    found = {(d.symbol, d.repeat): d.parameters() for d in docstrings(SOURCE)}
    assert found["Thing", 1] == found["guarded", 2] == []
    assert found["Thing.size", 2] == ["value"]
    assert found["Thing.wait", 1] == ["seconds"]
    assert found["guarded", 1] == ["a", "b", "*c", "d", "**e"]


@pytest.mark.parametrize(
    "source",
    [b"def f(:", b"print 'two'", b"a\0b", b"x = " + b"(" * 5000, b"\xff\xfe", b"# coding: nonsense\nx = 1"],
)
def test_what_this_python_cannot_parse_is_refused(source: bytes) -> None:
    with pytest.raises(NotParsableError):
        docstrings(source)


def test_warnings_about_other_peoples_code_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert docstrings(b'"""Text."""\nx = "\\d"\nassert (1, "always")\n1 is 1\n')[0].text == "Text."


def test_source_says_its_encoding_itself() -> None:
    assert docstrings('# coding: latin-1\n"""café"""'.encode("latin-1"))[0].text == "café"


def test_language_topics_are_the_strings_of_a_dictionary() -> None:
    found = language_topics(b"topics = {'assert': 'The \"assert\" statement\\n', 'if': r'''x'''}\n")
    assert [(topic.symbol, topic.kind, topic.text) for topic in found] == [
        ("assert", "topic", 'The "assert" statement'),
        ("if", "topic", "x"),
    ]
    assert language_topics(b"x = 1") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Return the sum,\n e.g. of a list.  Floats are fine.", "Return the sum, e.g. of a list."),
        ("No stop here\n\nNext paragraph.", "No stop here"),
        ("Version 3.11 is new. Yes.", "Version 3.11 is new."),
        ("Really? Yes.", "Really?"),
        ("", ""),
    ],
)
def test_the_first_sentence_ends_at_a_stop_and_not_at_an_abbreviation(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


def test_collection_goes_on_after_it_was_stopped() -> None:
    with without_collection():
        assert not gc.isenabled()
    assert gc.isenabled()

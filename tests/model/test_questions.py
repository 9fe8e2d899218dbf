"""Questions about symbols: their answers are right, and their wordings vary and repeat."""

from __future__ import annotations

import pytest

from pipeline.model.conversations import Pair
from pipeline.model.questions import PASSAGES, about_symbol, about_text

SUMMARY = "Matrix or vector norm."
DETAIL = {
    "module": "numpy.linalg._linalg",
    "symbol": "norm",
    "name": "numpy.linalg.norm",
    "kind": "function",
    "signature": "(x, ord=None) -> float",
    "parameters": "x, ord",
    "summary": SUMMARY,
}
TEXT = f"numpy.linalg.norm(x, ord=None)\n\n{SUMMARY}\n\nThis function returns one of eight matrix norms."


def asked(**changes: str) -> list[Pair]:
    detail = DETAIL | changes
    return list(about_symbol(detail, TEXT.replace(SUMMARY, detail["summary"])))


def many() -> list[Pair]:
    """What is asked about two hundred functions with one documentation."""
    return [pair for n in range(200) for pair in asked(symbol=f"f{n}", name=f"numpy.linalg.f{n}")]


def test_the_purpose_is_asked_first_and_answered_by_the_first_sentence() -> None:
    purpose, _ = asked()
    assert (purpose.kind, purpose.response) == ("purpose", SUMMARY)
    assert "norm" in purpose.prompt


def test_every_other_answer_stands_in_its_question() -> None:
    others = [pair for pair in many() if pair.kind != "purpose"]
    assert {pair.kind for pair in others} == {"parameters", "returns", "module", "summary"}
    for pair in others:
        words = pair.response.rstrip(".").replace("`", "").split(" and ")
        assert all(word in pair.prompt for word in words), pair
    answers = {pair.kind: pair.response for pair in others}
    assert answers["parameters"] == "`x` and `ord`."
    assert answers["returns"] == "`float`."
    assert answers["module"] == "`numpy.linalg`."
    assert answers["summary"] == SUMMARY


def test_wordings_vary_with_the_name_and_repeat_for_the_same_one() -> None:
    prompts = [pair.prompt for pair in many() if pair.kind == "purpose"]
    assert prompts == [pair.prompt for pair in many() if pair.kind == "purpose"]
    assert {prompt.split()[0] for prompt in prompts} == {"What", "Describe", "Explain"}
    for part in ("`", "(x, ord=None)", "numpy.linalg."):
        assert 0 < sum(part in prompt for prompt in prompts) < len(prompts), part


@pytest.mark.parametrize(
    ("parameters", "answer"), [("", "It takes none."), ("a", "`a`."), ("a, *b, c", "`a`, `*b` and `c`.")]
)
def test_parameters_are_listed_in_words(parameters: str, answer: str) -> None:
    found = [
        pair.response
        for n in range(50)
        for pair in asked(symbol=f"f{n}", name=f"numpy.f{n}", parameters=parameters)
        if pair.kind == "parameters"
    ]
    assert set(found) == {answer}


def test_a_cut_signature_is_not_asked_about() -> None:
    kinds = {
        pair.kind
        for n in range(50)
        for pair in asked(symbol=f"f{n}", name=f"numpy.f{n}", signature="(x, ord=None, ...)")
    }
    assert kinds == {"purpose", "module", "summary"}


def test_topics_inner_functions_and_symbols_without_a_sentence_are_not_asked_about() -> None:
    assert asked(symbol="f.<locals>.inner", name="numpy.f.<locals>.inner") == []
    assert asked(kind="topic") == []
    assert asked(summary="") == []


def test_a_module_is_a_thing_and_in_no_module() -> None:
    found = asked(symbol="", name="numpy.linalg", kind="module", signature="", parameters="")
    assert [pair.kind for pair in found] == ["purpose", "summary"]
    assert " do?" not in found[0].prompt


def test_passages_are_cut_between_words_and_join_to_the_paragraph() -> None:
    paragraph = " ".join(f"word{number}" for number in range(60))
    (pair,) = about_text(f"Short.\n\n{paragraph}\n\n{'x' * 500}")
    assert pair.kind == "continuation"
    assert f"{pair.prompt} {pair.response}".endswith(paragraph)
    assert len(list(about_text("\n\n".join(f"{n} {paragraph}" for n in range(2 * PASSAGES))))) == PASSAGES

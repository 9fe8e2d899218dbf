"""Languages are told apart by a few passages, with the model that the library brings."""

from __future__ import annotations

from pipeline.corpus import language
from pipeline.corpus.language import PASSAGE_CHARS, PASSAGES, identify, passages
from pipeline.settings.language import LANGUAGES


def test_languages_are_told_apart() -> None:
    said = {
        "en": "The mill stands where the river bends, and it has stood there for three hundred years.",
        "fr": "Le moulin se trouve là où la rivière fait un coude, et cela depuis trois cents ans.",
        "ja": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
        "ru": "Мельница стоит там, где река делает поворот, и стоит там уже триста лет.",
    }
    for code, text in said.items():
        assert identify(text).code == code
        assert identify(text).probability > 0.85


def test_a_text_without_language_is_none_of_them_surely() -> None:
    assert identify("").probability < 0.1
    assert identify("0 1 2 3 + - " * 50).probability < 0.9


def test_a_long_text_is_looked_at_in_several_places() -> None:
    short = "x" * (PASSAGES * PASSAGE_CHARS)
    assert passages(short) == short
    text = "".join(part * 1000 for part in "abcd")
    assert passages(text) == " ".join(part * PASSAGE_CHARS for part in "abcd")
    assert len(passages("x" * 10**6)) == PASSAGES * PASSAGE_CHARS + PASSAGES - 1


def test_params_accept_exactly_the_languages_that_the_model_knows() -> None:
    assert set(language._identifier().labels) == LANGUAGES

"""Of wikitext its sentences are left."""

from __future__ import annotations

import pytest

from pipeline.corpus.wikitext import Wikitext, plain_text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Flour''' is ''fine''.", "Flour is fine."),
        ("A [[powder (substance)|powder]] of [[grain]]s.", "A powder of grains."),
        ("[[File:Mill.jpg|thumb|A mill with [[water]]]]Mills grind.", "Mills grind."),
        ("Mills grind.\n[[Category:Mills]]\n[[Kategorie:Mühlen]]", "Mills grind."),
        ("See [http://example.org the page] for more.", "See the page for more."),
        ("Old.<ref name=a>Book, p. 3</ref> New.<ref name=a/> End.<REF>x</REF>", "Old. New. End."),
        ("Whole.<!-- a note --> Text.<!-- never closed", "Whole. Text."),
        ("An open <ref>tag loses only itself.", "An open tag loses only itself."),
        ("{{Infobox|name={{nested|x}}}}Mills grind{{citation needed}}.", "Mills grind."),
        ("It is {{convert|5|km|mi}} or {{cvt|2|to|3|m}} long.", "It is 5 km or 2 to 3 m long."),
        ("From {{lang|la|molere}} ({{IPA|x}}), to grind", "From molere, to grind"),
        ("Latin ({{lang-la|''mola''}}; {{IPA|x}}) said", "Latin (mola) said"),
        ("{{quote|A [[mill]] grinds.}}", "A mill grinds."),
        ("{|class=x\n|a||b\n{|\n|inner\n|}\n|}\nAfter.", "After."),
        ("* one\n** two\n# three\n: said\n; term", "- one\n- two\n- three\nsaid\nterm"),
        ("a&nbsp;b &amp;lt; c __NOTOC__", "a\xa0b &lt; c"),
        ("<math>E=mc^2</math> holds", "E=mc^2 holds"),
        ("", ""),
        ("{{only|templates}}", ""),
    ],
)
def test_what_a_wiki_adds_goes_and_the_words_stay(wikitext: str, text: str) -> None:
    assert plain_text(Wikitext(wikitext, ("File", "Category", "Kategorie"))) == text


def test_headings_without_text_go() -> None:
    text = plain_text(
        Wikitext("Lead.\n== A ==\n=== B ===\ntext\n\n\n\nmore\n=== C ===\n== References ==\n<references/>\n")
    )
    assert text == "Lead.\n\nA\n\nB\n\ntext\n\nmore"

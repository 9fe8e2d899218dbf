"""Which languages the `clean` stage keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Matches, Range
from pipeline.settings.web_rules import Share, Sources

# What the identifier's model knows: ISO 639-1 codes, 639-3 where there is none; zxx is no language.
_CODES = (
    "ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa "
    "fi fo fr fuv fy ga gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka "
    "kab kik kk km kn ko ku ky la lb lg lij ln lo lt ltg lv mg mk ml mn mr ms mt my ne nl nn no nso oc om "
    "or pa pcm pl ps pt qu ro ru rw sa sdh se si sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk "
    "ur uz uzs vec vi vo wa wuu xh yo yue zh zu zxx"
)
LANGUAGES = frozenset(_CODES.split())
CODE = Matches("[a-z]{2,3}", "a language code of ISO 639 such as en, de, zh")


@dataclass(frozen=True, slots=True)
class LanguageParams:
    """The languages of documents to keep, and how sure the identifier must be."""

    sources: Sources
    keep: Annotated[tuple[Annotated[str, CODE], ...], Range(1, 40)]
    min_probability: Share

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        for code in self.keep:
            if code not in LANGUAGES:
                yield f"keep: the identifier does not know {code!r}; it knows {' '.join(sorted(LANGUAGES))}"

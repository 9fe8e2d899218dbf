"""How we ask other people's servers: who asks, and how long we wait between two requests.

Neither changes a byte of what is fetched and both are facts about whoever runs the pipeline, so they come
from the environment and are no params: an e-mail address in params.yaml would get into every file that says
what a run came from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import ParamsError

CONTACT = "GRISTMILL_CONTACT"
SECONDS = "GRISTMILL_SECONDS_BETWEEN_REQUESTS"
DEFAULT_SECONDS = 2.0  # what Project Gutenberg asks for
MAX_SECONDS = 60.0
_PRINTABLE = re.compile(r"[\x20-\x7e]{0,200}")


@dataclass(frozen=True, slots=True)
class Courtesy:
    """`contact` tells a server's operator whom to ask; requests to one host are `seconds_between` apart."""

    contact: str = ""
    seconds_between: float = DEFAULT_SECONDS


def courtesy_from(environment: Mapping[str, str]) -> Courtesy:
    """The courtesy that CONTACT and SECONDS say. ParamsError naming the variable for what cannot be sent."""
    contact, said = environment.get(CONTACT, ""), environment.get(SECONDS, "")
    if not _PRINTABLE.fullmatch(contact):
        raise ParamsError(f"{CONTACT}: is {contact!r}; must be at most 200 printable ASCII characters")
    try:
        seconds = float(said) if said else DEFAULT_SECONDS
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_SECONDS:
        raise ParamsError(f"{SECONDS}: is {said!r}; must be a number, 0 to {MAX_SECONDS:g}")
    return Courtesy(contact, seconds)

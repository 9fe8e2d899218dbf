"""What commands for people have in common: one line for an error, and text that no terminal obeys."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterator

from pipeline.errors import GristmillError, ResourceError

_KEPT = "\n\t\u200c\u200d"  # joiners shape scripts and emoji


@contextlib.contextmanager
def errors_in_one_line(command: str) -> Iterator[None]:
    """Ends the process with one line and the error's code where a person can act on it; quietly where the
    reader of a pipe has seen enough.
    """
    try:
        yield
    except GristmillError as error:
        sys.stderr.write(f"{command}: {type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        what = error.strerror or str(error) or type(error).__name__
        sys.stderr.write(f"{command}: {error.filename or 'input or output'}: {what}\n")
        sys.exit(ResourceError.exit_code)


def printable(text: str) -> str:
    """The text with escapes for what could steer a terminal: control characters and invisible marks.

    >>> printable("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return "".join(
        char if char in _KEPT or not unicodedata.category(char).startswith("C") else ascii(char)[1:-1]
        for char in text
    )

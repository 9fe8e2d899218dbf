"""What commands beside the stages do around their action: say one line, and exit with the error's code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from pipeline.errors import GristmillError

_log = logging.getLogger("gristmill")


def command(name: str, action: Callable[[], str]) -> None:
    """Runs the action and logs the line it returns; a GristmillError becomes one line and its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        _log.info("%s: %s", name, action())
    except GristmillError as error:
        _log.error("%s: %s: %s", name, type(error).__name__, str(error).replace("\n", " "))
        sys.exit(error.exit_code)

"""What can go wrong, named for what the person does next.

    GristmillError              anything below; one line on stderr, never a traceback
    ├── ParamsError       (2)   edit params.yaml
    ├── DataError         (3)   look at this file, row or rule
    ├── SourceError       (4)   the network gave up: try later
    ├── ResourceError     (5)   free disk or memory
    ├── IntegrityError    (6)   this artifact is damaged: rebuild or fetch it again
    ├── NumericsError     (7)   the training diverged
    └── BusyError        (75)   another process holds this output, or the work stopped resumably

The number is the exit code of the stage that raised it.
"""

from __future__ import annotations

import re

_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|ALLOC_FAILED")


class GristmillError(Exception):
    """A failure a person can act on. `str(error)` is one line that names what, the rule and the remedy."""

    exit_code = 1


class ParamsError(GristmillError):
    """`params.yaml` is wrong: edit it. `problems` holds every problem found, each one line."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class DataError(GristmillError):
    """Input data breaks a rule: look at the file, row or expectation it names."""

    exit_code = 3


class SourceError(GristmillError):
    """A remote source could not be read: try later or name another mirror."""

    exit_code = 4


class ResourceError(GristmillError):
    """Disk, memory or another resource ran out: free some."""

    exit_code = 5


class IntegrityError(GristmillError):
    """An artifact's bytes are not the bytes that were written: rebuild it."""

    exit_code = 6


class NumericsError(GristmillError):
    """A loss or gradient stayed non-finite, or a gate on the model's arithmetic failed."""

    exit_code = 7


class BusyError(GristmillError):
    """Another process is writing this output, or the work was asked to stop and can be resumed."""

    exit_code = 75


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or torch, on a processor or a GPU, raised this because no memory was left.

    Torch has no type of its own for it on processors: the text is all there is.
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(_NO_MEMORY.search(str(error)))
    )

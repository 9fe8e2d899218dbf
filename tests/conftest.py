"""What holds for all tests: the longest files come first, so that the processes of the suite end together;
files that import the same slow library run in one of them; an interrupt is one.
"""

from __future__ import annotations

import gc
import os
import signal
from pathlib import PurePath
from typing import Any

import pytest

from pipeline.memory import keep_freed

LONGEST_FIRST = (
    "test_end_to_end.py",
    "test_staleness.py",
    "test_flow.py",
    "test_another_clone.py",
    "test_dedupe.py",
    "test_recovery.py",
    "test_stage.py",
    "test_runtime.py",
    "test_architectures.py",
    "test_params.py",
    "test_fitting.py",
    "test_incremental.py",
)
SAME_LIBRARY = {  # that takes seconds to import
    "corpus/test_expectations.py": "great_expectations",
    "stages/test_dedupe.py": "great_expectations",
    "stages/test_validate.py": "great_expectations",
    "model/test_export_gguf.py": "transformers",
    "model/test_export_huggingface.py": "transformers",
    "model/test_transformer.py": "transformers",
}


def pytest_configure() -> None:
    """Takes interrupts as at a terminal: a suite that a shell started in the background was told to ignore
    them, and so would be the commands that its tests interrupt. Threads of OpenMP wait awake for each other
    no longer than they must, as there are more of them than cores.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # before torch is imported; processes inherit it
    keep_freed()
    gc.disable()  # while thousands of tests are collected, all of which stay
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Has garbage looked for again, but not among the tests and the modules that they import."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests of the longest files to the front; the order is otherwise kept."""
    items.sort(
        key=lambda item: (
            LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else len(LONGEST_FIRST)
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives a file to one process as `--dist loadfile` does, and files of a slow library to the same one."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LoadLibraryScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            folder, name = PurePath(file).parts[-2:]
            return SAME_LIBRARY.get(f"{folder}/{name}", file)

    return LoadLibraryScheduling(config, log)

"""What holds for all tests: the longest files come first, so that the processes of the suite end together;
an interrupt is one.
"""

from __future__ import annotations

import signal

import pytest

LONGEST_FIRST = ("test_end_to_end.py", "test_staleness.py", "test_flow.py", "test_another_clone.py")


def pytest_configure() -> None:
    """Takes interrupts as at a terminal: a suite that a shell started in the background was told to ignore
    them, and so would be the commands that its tests interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests of the longest files to the front; the order is otherwise kept."""
    items.sort(
        key=lambda item: (
            LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else len(LONGEST_FIRST)
        )
    )

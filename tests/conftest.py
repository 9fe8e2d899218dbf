"""The order of the tests: the longest files first, so that the processes of the suite end together."""

from __future__ import annotations

import pytest

LONGEST_FIRST = ("test_end_to_end.py", "test_another_clone.py", "test_staleness.py", "test_flow.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests of the longest files to the front; the order is otherwise kept."""
    items.sort(
        key=lambda item: (
            LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else len(LONGEST_FIRST)
        )
    )

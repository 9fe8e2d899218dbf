"""A call that takes too long, or takes its process down, is one lost call and no more."""

from __future__ import annotations

import os
import signal
import time

import pytest

from pipeline.corpus.guarding import Guarded
from pipeline.errors import ResourceError


def answer(question: str) -> str:
    """Does what it is asked."""
    if question == "loop":
        while True:
            pass
    if question == "eat":
        return str(len(bytes(8 << 30)))
    if question == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if question == "end":
        os.kill(os.getpid(), signal.SIGKILL)
    if question == "fail":
        raise ValueError("a mistake in the function")
    return question.upper()


def test_calls_are_answered_and_what_takes_the_process_down_is_answered_with_nothing() -> None:
    with Guarded(answer, seconds=0, memory_bytes=1 << 30) as guarded:
        assert [guarded(question) for question in ("a", "b")] == ["A", "B"]
        assert [guarded(question) for question in ("eat", "crash", "loop")] == [None, None, None]
        assert guarded("c") == "C"


def test_the_limit_is_for_each_call_and_not_for_all_of_them() -> None:
    with Guarded(answer, seconds=1) as guarded:
        started = time.process_time()
        assert guarded("x" * 1000) == "X" * 1000
        assert time.process_time() - started < 1


@pytest.mark.parametrize("question", ["end", "fail"])
def test_what_is_not_the_inputs_fault_is_an_error(question: str, capfd: pytest.CaptureFixture[str]) -> None:
    with Guarded(answer) as guarded, pytest.raises(ResourceError, match="a process that reads documents"):
        guarded(question)
    assert ("a mistake in the function" in capfd.readouterr().err) == (question == "fail")

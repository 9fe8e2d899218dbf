"""generate: what a person at a terminal or a pipe gets to see."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.generate import main, printable
from tests.stages.mill import build_mill
from tests.workshop import ROOT

PATIENCE_SECONDS = 120  # after which a wait is a failure


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/ that holds two models and their tokenizer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_PROCESSES", "1")
        return build_mill(tmp_path_factory.mktemp("mill")).parent


@pytest.fixture(autouse=True)
def here(mill: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mill)


def test_a_base_model_continues_a_prompt_the_same_way_for_the_same_seed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = []
    for seed in ("1", "1", "2"):
        main(["--model", "base", "--prompt", "Return a", "--max-tokens", "30", "--seed", seed])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != said[2]
    assert said[0].endswith("\n")
    assert said[0].strip()


def test_every_line_of_a_pipe_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("What is x?\n\n  \nWhat is y?\n"))
    main(["--max-tokens", "1", "--temperature", "0"])
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 2
    assert captured.err == ""


def test_memory_that_runs_out_is_one_line_and_a_bug_stays_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(said: str) -> Callable[..., None]:
        def load(*_: object, **__: object) -> None:
            raise RuntimeError(said)

        return load

    monkeypatch.setattr("pipeline.model.inference.open_model", fails("CUDA out of memory. Tried 2 GiB"))
    with pytest.raises(SystemExit) as stopped:
        main(["--prompt", "What?"])
    assert stopped.value.code == 5
    assert capsys.readouterr().err == "generate: out of memory; free some, or ask a smaller model\n"
    monkeypatch.setattr("pipeline.model.inference.open_model", fails("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        main(["--prompt", "What?"])


def test_a_question_that_is_too_long_is_cut_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--max-tokens", "1", "--prompt", "What is this? " * 200])
    assert capsys.readouterr().err.startswith("generate: too long for this model; it reads all but the first")


def test_an_error_without_a_number_still_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedWriter(io.BytesIO())))
    with pytest.raises(SystemExit, match="5"):
        main([])
    assert capsys.readouterr().err == "generate: input or output: not readable\n"


def test_a_model_that_is_not_there_is_one_line_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="3"):
        main(["--model", "int4", "--prompt", "x"])
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["generate: DataError: data/quantize/int4: not made yet; run `dvc repro` first"]


def test_bytes_that_are_no_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="3"):
        main(["--prompt", "a\udcff"])
    assert "generate: DataError: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--temperature", "nan"], ["--top-k", "-1"], ["--max-tokens", "0"], ["--seed", "x"], ["--model", "gpt"]],
)
def test_options_out_of_range_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--prompt", "x", *options])
    assert f"argument {options[0]}: " in capsys.readouterr().err


def test_text_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[2J\x07\r\x9b1m\u202eb\x7f") == "a\\x1b[2J\\x07\\r\\x9b1m\\u202eb\\x7f"
    harmless = "tab\t line\n é \U0001f468\u200d\U0001f469 日本"
    assert printable(harmless) == harmless


def test_options_are_read_without_waiting_for_torch() -> None:
    code = "import sys; from stages.generate import parse; parse([]); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_chat_on_a_terminal_answers_and_ends_with_its_input(mill: Path) -> None:
    terminal, process = chat(mill, "--max-tokens", "5")
    os.write(terminal, b"What is x?\n")
    assert read_until(terminal, b"> ").count(b"\n") == 2
    os.write(terminal, b"\x04")
    assert process.wait(timeout=PATIENCE_SECONDS) == 0
    os.close(terminal)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(b"", id="while it waits", marks=pytest.mark.faults),
        pytest.param(b"Return\n", id="while it answers"),
    ],
)
def test_an_interrupt_ends_a_chat_without_a_traceback(mill: Path, question: bytes) -> None:
    terminal, process = chat(mill, "--model", "base", "--max-tokens", "1000000")
    if question:
        os.write(terminal, question)
        read_until(terminal, question.strip() + b"\r\n")  # the terminal's echo
        assert read_some(terminal), "it answers"
    said = interrupted(process, terminal)
    assert process.wait(timeout=PATIENCE_SECONDS) == 130
    assert b"Traceback" not in said
    os.close(terminal)


def chat(mill: Path, *options: str) -> tuple[int, subprocess.Popen[bytes]]:
    """A chat on a terminal of its own, once it listens."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "stages.generate", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=mill, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    read_until(terminal, b"> ")
    return terminal, process


def read_until(terminal: int, end: bytes | None) -> bytes:
    """What the terminal shows up to `end`, or until its program has gone."""
    said = b""
    while end is None or not said.endswith(end):
        some = read_some(terminal, at_most=1 if end else 1024)
        if not some:
            break
        said += some
    return said


def interrupted(process: subprocess.Popen[bytes], terminal: int) -> bytes:
    """What a chat says when it is interrupted.

    Python loses an interrupt that comes just before it waits for input; a person presses the keys again.
    """
    said = b""
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        while select.select([terminal], [], [], 3.0)[0]:
            some = read_some(terminal, at_most=1024)
            said += some
            if not some:
                return said
    raise AssertionError(f"the chat goes on: {said!r}")


def read_some(terminal: int, *, at_most: int = 1) -> bytes:
    """What the terminal shows next; nothing once its program has gone."""
    assert select.select([terminal], [], [], PATIENCE_SECONDS)[0], "the chat says nothing"
    try:
        return os.read(terminal, at_most)
    except OSError:
        return b""

"""generate: a trained model continues a text (base) or answers questions (tuned, int8, int4).

Not a stage of the pipeline: it writes nothing. Without --prompt it takes one prompt after the other, on a
terminal as a chat, else from the lines of standard input. Every question stands alone: nothing is remembered.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.errors import DataError, ResourceError, is_out_of_memory
from pipeline.terminal import errors_in_one_line, printable

MODELS = {
    "base": Path("data/pretrain"),
    "tuned": Path("data/finetune"),
    "int8": Path("data/quantize/int8"),
    "int4": Path("data/quantize/int4"),
}
TOKENIZER = Path("data/train_bpe")
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Answers on standard output; exits with 130 after Ctrl-C, with one line and its code after an error."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    forgive_encodings()
    with errors_in_one_line("generate"):
        try:
            answer = opened(arguments)
            for prompt in [arguments.prompt] if arguments.prompt is not None else asked(arguments.model):
                show(answer(prompt))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            sys.stderr.write("generate: out of memory; free some, or ask a smaller model\n")
            sys.exit(ResourceError.exit_code)
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            sys.exit(_INTERRUPTED)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options, each within its range."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(prog="python -m stages.generate", description=summary, epilog=details)
    parser.add_argument("--model", choices=MODELS, default="tuned", help="which model (default: tuned)")
    parser.add_argument("--prompt", help="text to continue, or the question to answer")
    parser.add_argument(
        "--temperature", type=between(float, 0, 10), default=0.7, help="0: the likeliest token"
    )
    parser.add_argument("--top-k", type=between(int, 0, 10**6), default=40, help="likeliest tokens; 0: all")
    parser.add_argument(
        "--max-tokens", type=between(int, 1, 10**6), default=200, help="most to add (default: 200)"
    )
    parser.add_argument(
        "--seed", type=between(int, 0, 2**31 - 1), default=1, help="the same seed, the same text"
    )
    return parser.parse_args(argv)


def between(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    """A reader of numbers from `low` to `high`, both included, for argparse; ArgumentTypeError for others."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"is {text}; must be a number from {low} to {high}")
        return value

    return read


def opened(arguments: argparse.Namespace) -> Callable[[str], Iterator[str]]:
    """The model as a function from a prompt to its answer, piece by piece.

    DataError when it was not made yet, IntegrityError when model and tokenizer are not of one run.
    """
    # Imported here, not above: torch takes seconds to import, and --help should not.
    from pipeline.artifacts import MANIFEST
    from pipeline.model.inference import open_model, require_tokenizer
    from pipeline.model.sampling import Sampling, generate, stream_text
    from pipeline.tokens.bpe import Tokenizer
    from pipeline.tokens.prompts import prompt_for, stop_ids

    for path in (MODELS[arguments.model], TOKENIZER):
        if not (path / MANIFEST).is_file():
            raise DataError(f"{path}: not made yet; run `dvc repro` first")
    model = open_model(MODELS[arguments.model], threads=1)  # a second one has nothing to do but wait
    words = Tokenizer.open(TOKENIZER)
    require_tokenizer(model, words.sha256, name=TOKENIZER)
    sampling = Sampling(arguments.max_tokens, arguments.temperature, arguments.top_k, stop_ids(words))

    def answer(text: str) -> Iterator[str]:
        context = model.network.config.context_tokens
        prompt = prompt_for(words, text, role=model.role, context_tokens=context)
        if prompt.left_out:
            sys.stderr.write(
                f"generate: too long for this model; it reads all but the first {prompt.left_out} tokens\n"
            )
        ids = generate(model.network, prompt.ids, sampling=sampling, seed=arguments.seed)
        return stream_text(ids, words.decode)

    return answer


def forgive_encodings() -> None:
    """Lets a terminal that lacks a character show its escape; makes input that is no text a DataError."""
    if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdin.reconfigure(errors="surrogateescape")


def asked(model: str) -> Iterator[str]:
    """What the person writes, line by line, without empty lines, until the end of input."""
    watched = sys.stdin.isatty()
    if watched:
        sys.stderr.write(f"The {model} model listens. Ctrl-D ends.\n")
    while True:
        try:
            text = input("> " if watched else "")
        except EOFError:
            return
        if text.strip():
            yield text


def show(pieces: Iterable[str]) -> None:
    """Writes the pieces as they come, and a line end."""
    for piece in pieces:
        sys.stdout.write(printable(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""where: which document and source a token of the training data comes from.

Not a stage of the pipeline: it writes nothing. Blocks, and positions in them, count from 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.records import SPLITS
from pipeline.terminal import errors_in_one_line, printable

PACKED, CORPUS, TOKENIZER = Path("data/pack"), Path("data/dedupe"), Path("data/train_bpe")
AROUND_CHARS = 160  # of the text on either side
_NAME_CHARS = 11


def main(argv: Sequence[str] | None = None) -> None:
    """Says where the token comes from on standard output; exits with one line and its code after an error."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    with errors_in_one_line("where"):
        for line in described(arguments):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options; argparse exits with 2 for one that is no number."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(prog="python -m stages.where", description=summary, epilog=details)
    parser.add_argument("--split", choices=SPLITS, default="train", help="which split (default: train)")
    parser.add_argument("--block", type=int, required=True, help="number of the block in the split")
    parser.add_argument("--position", type=int, required=True, help="number of the token in the block")
    return parser.parse_args(argv)


def described(arguments: argparse.Namespace) -> Iterator[str]:
    """The lines about the token: its document, the document's metadata, the token, the text around it.

    DataError when `pack`, or what comes before it, was not run yet; `locate` says what else can be wrong.
    """
    # Imported here, not above: --help should not wait for SentencePiece.
    from pipeline.artifacts import MANIFEST
    from pipeline.tokens.bpe import Tokenizer
    from pipeline.tokens.places import locate

    packed, corpus = PACKED / arguments.split, CORPUS / arguments.split
    for path in (packed, corpus, TOKENIZER):
        if not (path / MANIFEST).is_file():
            raise DataError(f"{path}: not made yet; run `dvc repro` first")
    tokenizer = Tokenizer.open(TOKENIZER)
    place = locate(packed, corpus, tokenizer, block=arguments.block, position=arguments.position)
    document = place.document
    known = {"document": document.id, "source": document.source, "origin": document.origin}
    known |= {"title": document.title, "licence": document.licence}
    known |= {name: str(value) for name, value in json.loads(document.metadata or "{}").items()}
    known["token"] = f"{place.id} {place.piece!r}"
    known["place"] = (
        f"token {place.document_token:,} of the document's {place.document_tokens:,}, "
        f"{place.stream_token:,} of the {arguments.split} stream"
    )
    for name, value in known.items():
        if value:
            yield f"{printable(name):<{_NAME_CHARS}} {printable(value)}".replace("\n", " ")
    before, after = place.before[-AROUND_CHARS:], place.after[:AROUND_CHARS]
    yield ""
    yield printable(f"{before}[[{place.text}]]{after}")


if __name__ == "__main__":
    main()

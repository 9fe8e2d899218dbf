"""Damage: mutations of a checkpoint, each of which must be found and the checkpoint before it used."""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Result
from benchmarks.trainings import RUN, blocks, small_params, trained
from pipeline.model.checkpoint import latest_checkpoint

MUTATIONS = 300
STEPS = 6
Mutation = Callable[[Path, Path, random.Random], None]  # of a file, given the same file of another step


def measure() -> Result:
    """The share of mutated checkpoints that were not used."""
    logging.disable()  # every one of them is named in a log line
    found: Counter[str] = Counter()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch, "sound")
        params = small_params(steps=STEPS, checkpoint_every_steps=STEPS // 2)
        trained(sound, params, blocks())
        before, last = sorted(path.name for path in sound.glob("step-*"))
        files = sorted(path.name for path in (sound / last).iterdir())
        for number in range(MUTATIONS):
            kind = list(KINDS)[number % len(KINDS)]
            hurt = Path(scratch, "hurt")
            shutil.copytree(sound, hurt)
            name = files[number // len(KINDS) % len(files)]
            KINDS[kind](hurt / last / name, hurt / before / name, chance)
            used = latest_checkpoint(hurt, run=RUN)
            found[kind] += used is not None and used.progress.step == STEPS // 2
            shutil.rmtree(hurt)
    logging.disable(logging.NOTSET)
    rows = [("mutation", "of", "found")]
    tried = Counter(list(KINDS)[number % len(KINDS)] for number in range(MUTATIONS))
    rows += [(kind, str(tried[kind]), str(found[kind])) for kind in KINDS]
    return Result(tuple(rows), ((f"found of {MUTATIONS}", found.total() / MUTATIONS, 1.0),))


def _deleted(path: Path, other: Path, chance: random.Random) -> None:
    path.unlink()


def _emptied(path: Path, other: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def _cut(path: Path, other: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content))])


def _flipped(path: Path, other: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _lengthened(path: Path, other: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(chance.randint(1, 100)))


def _swapped(path: Path, other: Path, chance: random.Random) -> None:
    """The other step's file; where both are equal, a folder in its place."""
    if path.read_bytes() != other.read_bytes():
        shutil.copyfile(other, path)
    else:
        path.unlink()
        path.mkdir()


KINDS: dict[str, Mutation] = {
    "deleted": _deleted,
    "emptied": _emptied,
    "cut at random": _cut,
    "a bit flipped": _flipped,
    "lengthened": _lengthened,
    "of another step": _swapped,
}

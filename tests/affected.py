"""Answers each line on standard input with a JSON list of the stages that a `dvc repro` in this folder would
run now.

Run as a process of its own by test_staleness: where DVC finds that `code` must run, its command runs; then
the other stages that DVC finds changed are taken, and all that follow them in its graph.
"""

import json
import shlex
import subprocess
import sys

import networkx
from dvc.repo import Repo


def main() -> None:
    """Answers until the input ends; DVC's own lines stand between the answers."""
    for _ in sys.stdin:
        sys.stdout.write("\n" + json.dumps(sorted(affected())) + "\n")
        sys.stdout.flush()


def affected() -> set[str]:
    """The names of `code`, if it must run, and of the stages that would run after it."""
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.stages}
        graph = repo.index.graph  # its edges point from a stage to what it needs
        names = set(repo.status(["code"]))
        if names:
            subprocess.run(shlex.split(stages["code"].cmd)[1:], check=True)  # without its `exec`
        for name in set(repo.status()) - {"code"}:
            names |= {name, *(later.addressing for later in networkx.ancestors(graph, stages[name]))}
    return names


main()

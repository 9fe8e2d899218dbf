"""Answers each line on standard input with a JSON list of the stages that a `dvc repro` in this folder would
run now, given that `code` may run.

Run as a process of its own by test_staleness: `code` is reproduced if it must; then the stages that DVC finds
changed are taken, and all that follow them in its graph.
"""

import json
import sys

import networkx
from dvc.repo import Repo


def main() -> None:
    """Answers until the input ends; DVC's own lines stand between the answers."""
    for _ in sys.stdin:
        sys.stdout.write("\n" + json.dumps(sorted(affected())) + "\n")
        sys.stdout.flush()


def affected() -> set[str]:
    """The names of `code`, if it ran, and of the stages that would run after it."""
    with Repo() as repo:
        names = {stage.addressing for stage in repo.reproduce("code", single_item=True)}
    with Repo() as repo:
        changed = set(repo.status())
        graph = repo.index.graph  # its edges point from a stage to what it needs
        for stage in repo.index.stages:
            if stage.addressing in changed:
                names |= {
                    stage.addressing,
                    *(later.addressing for later in networkx.ancestors(graph, stage)),
                }
    return names


main()

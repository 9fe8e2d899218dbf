"""Prints, as a JSON list, the stages that a `dvc repro` in this folder would run now, given that `code` may
run.

Run in a process of its own by test_staleness: `code` is reproduced if it must; then the stages that DVC
finds changed are taken, and all that follow them in its graph.
"""

import contextlib
import io
import json
import sys

import networkx
from dvc.repo import Repo


def main() -> None:
    """Writes the list to standard output; what DVC itself says is dropped."""
    with contextlib.redirect_stdout(io.StringIO()):
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
    sys.stdout.write(json.dumps(sorted(names)))


main()

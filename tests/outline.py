"""Stands in for the interpreter of a stage in test_staleness: writes outputs that follow from what the stage
may read.

`outline.py -m stages.NAME ARGUMENT...` runs in the workshop's folder. It looks its stage up in dvc.yaml by
the command line and writes, to each out, the hash of the command, of every dep and of the params sections
the stage names. So a stage runs here exactly when DVC finds one of those changed, and its outs change
exactly when it runs.
"""

import hashlib
import json
import sys
from pathlib import Path


def main() -> None:
    """Finds this stage in the resolved outline and writes its outs."""
    arguments = sys.argv[1:]
    stages = json.loads(Path(".venv/outline.json").read_text())
    stage = next(stage for stage in stages if stage["cmd"].split()[2:] == arguments)
    digest = hashlib.sha256(" ".join(arguments).encode())
    for name in stage["deps"]:
        path = Path(name)
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            digest.update(str(file).encode() + file.read_bytes())
    digest.update(Path("params.yaml").read_bytes() if stage["params"] else b"")
    for name in stage["outs"]:
        write_out(Path(name), digest.hexdigest())


def write_out(out: Path, content: str) -> None:
    """A file where the out has a suffix, else a folder with the files that later stages name below it."""
    if out.suffix:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(
            json.dumps({"outline": content})
            if out.suffix == ".json"
            else f"step,loss\n1,{int(content, 16)}\n"
        )
        return
    for below in ("train", "val", "test", "int8", "int4"):
        (out / below).mkdir(parents=True, exist_ok=True)
        (out / below / "content").write_text(content)


main()

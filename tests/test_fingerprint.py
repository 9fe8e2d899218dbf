"""Fingerprints change with what the code does, not with how it looks."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.artifacts import canonical_json
from pipeline.errors import DataError, ParamsError
from pipeline.fingerprint import Fingerprint, fingerprint
from pipeline.installed import distribution_of, is_installed
from stages import code

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "stages/__init__.py": "",
    "stages/cook.py": "from pipeline.kitchen.knives import cut\n\n\ndef run() -> int:\n    return cut(2)\n",
    "stages/other.py": "import pandas\n",
    "pipeline/__init__.py": '"""The library."""\n',
    "pipeline/kitchen/__init__.py": "",
    "pipeline/kitchen/knives.py": (
        '"""Knives."""\nimport numpy as np\n\nSHARP = "yes"\n\n\nclass Knife:\n    """One."""\n\n\n'
        'def cut(n: int) -> int:\n    """Cuts."""\n    # into pieces\n'
        "    return int(np.abs(n)) + len(SHARP)\n"
    ),
    "pipeline/kitchen/menu.html": "<p>{{ menu }}</p>\n",
    "pipeline/kitchen/ovens.py": "HOT = 1\n",
}
KNIVES = "pipeline/kitchen/knives.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def of(tree: Path) -> Fingerprint:
    return fingerprint(tree, ["stages.cook"])


def test_a_fingerprint_names_the_import_closure_its_data_files_and_libraries(tree: Path) -> None:
    found = of(tree)
    assert list(found.modules) == [
        "pipeline",
        "pipeline.kitchen",
        "pipeline.kitchen.knives",
        "stages",
        "stages.cook",
    ]
    assert list(found.files) == ["pipeline/kitchen/menu.html"]
    assert found.distributions == {"numpy": importlib.metadata.version("numpy")}
    assert found.python == platform.python_version()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# into pieces", "# into halves, and a longer comment"),
        ("    # into pieces\n", ""),
        ('"""Cuts."""', '"""Cuts a number\n\n    in two.\n    """'),
        ('    """Cuts."""\n', ""),
        ('"""Knives."""\n', ""),
        ('"""One."""', '"""One knife."""'),
        ('"yes"', "'yes'"),
        ("int(np.abs(n)) + len(SHARP)", "(int(\n        np.abs( n )\n    ) + len(SHARP))"),
        ("\n\n\n", "\n"),
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(tree: Path, old: str, new: str) -> None:
    before = of(tree)
    assert old in FILES[KNIVES]
    (tree / KNIVES).write_text(FILES[KNIVES].replace(old, new))
    assert of(tree) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.abs(n)", "np.abs(n + 1)"),
        ('"yes"', '"no"'),
        ("(n: int)", "(n: int = 3)"),
        ("(n: int)", "(m: int)"),
        ('    """Cuts."""\n', '    "not a docstring"; 1\n'),
        ("+ len(SHARP)", "- len(SHARP)"),
        ('SHARP = "yes"', 'SHARP = b"yes"'),
        ("import numpy as np", "import numpy as np, os"),
    ],
)
def test_a_change_of_what_a_module_does_changes_that_module_alone(tree: Path, old: str, new: str) -> None:
    before = of(tree)
    assert old in FILES[KNIVES]
    (tree / KNIVES).write_text(FILES[KNIVES].replace(old, new))
    after = of(tree)
    changed = {name for name in after.modules if after.modules[name] != before.modules[name]}
    assert changed == {"pipeline.kitchen.knives"}
    assert (after.files, after.distributions) == (before.files, before.distributions)


@pytest.mark.parametrize(
    "line",
    [
        "import pipeline.kitchen.ovens",
        "from pipeline.kitchen import ovens",
        "from pipeline.kitchen.ovens import HOT",
        "def late():\n    from pipeline.kitchen.ovens import HOT\n    return HOT",
    ],
)
def test_a_new_import_brings_its_module_in_however_it_is_written(tree: Path, line: str) -> None:
    (tree / KNIVES).write_text(FILES[KNIVES] + line + "\n")
    before = of(tree)
    assert "pipeline.kitchen.ovens" in before.modules
    (tree / "pipeline/kitchen/ovens.py").write_text("HOT = 2\n")
    assert of(tree) != before


def test_libraries_count_by_version_wherever_they_are_imported(tree: Path) -> None:
    (tree / KNIVES).write_text(
        FILES[KNIVES] + "def late():\n    import sentencepiece, json, not_installed_anywhere\n"
    )
    assert list(of(tree).distributions) == ["numpy", "sentencepiece"]


def test_data_files_count_by_content(tree: Path) -> None:
    before = of(tree)
    (tree / "pipeline/kitchen/menu.html").write_text("<p>soup</p>\n")
    assert of(tree).files != before.files
    (tree / "pipeline/kitchen/menu.html").write_text(FILES["pipeline/kitchen/menu.html"])
    (tree / "pipeline/kitchen/.menu.swp").write_text("an editor's")
    (tree / "pipeline/kitchen/__pycache__").mkdir()
    (tree / "pipeline/kitchen/__pycache__/knives.cpython-311.pyc").write_bytes(b"x")
    assert of(tree) == before


def test_what_the_stage_does_not_import_does_not_count(tree: Path) -> None:
    before = of(tree)
    (tree / "stages/other.py").write_text("import torch\n")
    (tree / "pipeline/kitchen/ovens.py").write_text("HOT = 2\n")
    (tree / "pipeline/new.py").write_text("NEW = 1\n")
    assert of(tree) == before


def test_a_circle_of_imports_ends(tree: Path) -> None:
    (tree / "pipeline/kitchen/ovens.py").write_text("from pipeline.kitchen import knives\n")
    (tree / KNIVES).write_text(FILES[KNIVES] + "from pipeline.kitchen import ovens\n")
    assert "pipeline.kitchen.ovens" in of(tree).modules


@pytest.mark.parametrize("source", [b"def cut(:\n", b"x = '\xff'\n", b"x = 1\0\n", b"  x = 1\n"])
def test_a_module_that_does_not_parse_is_named_with_its_line(tree: Path, source: bytes) -> None:
    (tree / KNIVES).write_bytes(source)
    with pytest.raises(DataError, match=r"knives\.py line \d+: .+; mend it") as caught:
        of(tree)
    assert "\n" not in str(caught.value)


def test_a_stage_that_does_not_exist_is_named(tree: Path) -> None:
    with pytest.raises(DataError, match=r"stages\.nothing: there is no such module"):
        fingerprint(tree, ["stages.nothing"])


def test_every_spelling_of_a_name_and_the_modules_it_brings_are_known() -> None:
    assert is_installed("Ruamel_YAML")
    assert not is_installed("not-installed-anywhere")
    assert (distribution_of("yaml"), distribution_of("six")) == ("pyyaml", "six")
    assert distribution_of("not_installed_anywhere") == ""


def test_packages_whose_files_a_stage_reads_are_in_its_fingerprint(tree: Path) -> None:
    wide = fingerprint(tree, ["stages.cook"], packages=["Jinja2"])
    assert set(wide.distributions) == {*of(tree).distributions, "jinja2"}


def test_an_installation_that_was_broken_off_is_named_with_the_remedy(tree: Path, tmp_path: Path) -> None:
    broken = tmp_path / "packages/newcomer-1.0.dist-info"
    broken.mkdir(parents=True)
    (broken / "RECORD").write_text("newcomer/__init__.py,,\n")
    script = (
        "from pathlib import Path; from pipeline.errors import DataError;"
        "from pipeline.fingerprint import fingerprint\n"
        f"try: fingerprint(Path({str(tree)!r}), ['stages.cook'])\n"
        "except DataError as error: exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(broken.parent)},
        capture_output=True,
        text=True,
    )
    remedy = "its METADATA is missing or names nothing; remove it, then install it again"
    assert (done.returncode, done.stderr) == (1, f"{broken}: {remedy}\n")


def test_the_bytes_are_the_same_in_every_process(tree: Path) -> None:
    here = canonical_json(of(tree))
    script = (
        "import sys; from pathlib import Path; from pipeline.artifacts import canonical_json;"
        "from pipeline.fingerprint import fingerprint;"
        f"sys.stdout.buffer.write(canonical_json(fingerprint(Path({str(tree)!r}), ['stages.cook'])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "5", "LC_ALL": "C", "PATH": "/nowhere"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == here


def test_sections_that_contradict_one_another_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("enabled: true", "enabled: false"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"params\.yaml: finetune\.from_documentation: is true"):
        code.run(ROOT / "pipeline", ROOT / "stages", tmp_path / "fingerprints")
    assert not (tmp_path / "fingerprints").exists()

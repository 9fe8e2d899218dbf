"""The documentation of installed packages is read from their files, and nothing of them is run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import pydocs
from pipeline.errors import ParamsError
from pipeline.records import Document
from pipeline.settings.ingest import PydocsParams

METADATA = """Metadata-Version: 2.1
Name: Some_Package
Version: 1.2.3
License: A very long licence text that nobody
        would put on one line.
Classifier: License :: OSI Approved :: BSD License
"""
MODULE = '''"""A module with a docstring that is long enough to be kept as a document of the corpus."""
raise RuntimeError("nobody may run this")

def useful(a, *, b: int = 3) -> str:
    """Do the useful thing, e.g. add. And then say so at some length, so that it is kept.

    More about it.
    """

def brief():
    """Too short."""
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "some_package/__init__.py": MODULE,
        "some_package/broken.py": "def (:",
        "some_package/tests/test_it.py": MODULE,
        "some_package/_vendor/other.py": MODULE,
        "some_package/data.txt": MODULE,
        "some_package-1.2.3.dist-info/METADATA": METADATA,
    }
    files["some_package-1.2.3.dist-info/RECORD"] = (
        "".join(f"{name},,\n" for name in files) + "../../bin/x.py,,\n"
    )
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def items(*packages: str, standard_library: bool = False, min_chars: int = 60) -> list[Document | Rejected]:
    params = PydocsParams(True, standard_library, packages, min_chars, 0.01)
    parts = pydocs.parts(Path("unused"), params, downloads=Path("unused"))
    return [item for part in parts.values() for item in pydocs.read(part)]


def test_docstrings_become_documents_with_their_provenance(package: Path) -> None:
    found = {item.origin: item for item in items("some-package")}
    useful = found["some-package:some_package:useful"]
    assert isinstance(useful, Document)
    assert useful.text.startswith("some_package.useful(a, *, b: int=3) -> str\n\nDo the useful thing")
    whole = found["some-package:some_package:"]
    assert isinstance(whole, Document)
    assert whole.text.startswith("module some_package\n\nA module with a docstring")
    assert (useful.title, useful.licence) == ("some_package.useful", "BSD License")
    assert json.loads(useful.metadata) == {
        "package": "some-package",
        "version": "1.2.3",
        "module": "some_package",
        "symbol": "useful",
        "name": "some_package.useful",
        "kind": "function",
        "signature": "(a, *, b: int=3) -> str",
        "parameters": "a, b",
        "summary": "Do the useful thing, e.g. add.",
    }
    assert found["some-package:some_package:brief"] == Rejected(
        "some-package:some_package:brief", "too_short"
    )
    assert found["some-package:some_package.broken"] == Rejected(
        "some-package:some_package.broken", "unparsable"
    )
    assert "some_package" not in sys.modules


def test_a_document_begins_with_the_name_under_which_its_package_offers_it(package: Path) -> None:
    inner = MODULE.replace("useful", "offered")
    (package / "some_package/_inner.py").write_text(inner)
    (package / "some_package/__init__.py").write_text("from ._inner import offered\n")
    with open(package / "some_package-1.2.3.dist-info/RECORD", "a") as record:
        record.write("some_package/_inner.py,,\n")
    found = {item.origin: item for item in items("some-package")}
    offered = found["some-package:some_package._inner:offered"]
    assert isinstance(offered, Document)
    assert offered.text.startswith("some_package.offered(a, ")
    assert offered.title == json.loads(offered.metadata)["name"] == "some_package.offered"


def test_a_long_signature_is_cut_after_a_parameter() -> None:
    names = [f"parameter_{number:02d}" for number in range(30)]
    cut = pydocs.shortened(f"({', '.join(names)}) -> int")
    assert cut.endswith(", parameter_12, ...)")
    assert len(cut) <= pydocs.MAX_SIGNATURE_CHARS
    assert pydocs.shortened("(a, b) -> int") == "(a, b) -> int"
    assert pydocs.shortened(f"({'x' * 300})") == "(...)"


def test_a_package_without_modules_of_its_own_is_named(package: Path) -> None:
    (package / "some_package-1.2.3.dist-info/RECORD").write_text("__editable___some_package_finder.py,,\n")
    (package / "__editable___some_package_finder.py").write_text("")
    with pytest.raises(ParamsError, match=r"packages: 'some-package' lists no Python files"):
        items("some-package")
    (package / "some_package-1.2.3.dist-info/RECORD").unlink()
    with pytest.raises(ParamsError, match=r"packages: 'some-package' lists no Python files"):
        items("some-package")


def test_what_a_broken_installation_left_behind_is_passed_over(package: Path) -> None:
    (package / "half_gone-1.0.dist-info").mkdir()
    assert items("some-package")


def test_tests_and_other_projects_code_are_left_out(package: Path) -> None:
    origins = {item.origin for item in items("Some_Package", "some.package")}
    assert origins == {
        "some-package:some_package:",
        "some-package:some_package:useful",
        "some-package:some_package:brief",
        "some-package:some_package.broken",
    }


def test_every_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ParamsError) as error:
        items("no-such-package", "numpy", "nor_this")
    assert error.value.problems == (
        "ingest.pydocs.packages: 'no-such-package' is not installed; install it or take it out",
        "ingest.pydocs.packages: 'nor-this' is not installed; install it or take it out",
    )
    with pytest.raises(ParamsError, match="'gristmill' cannot be its own corpus"):
        items("gristmill")


def test_the_standard_library_and_the_language_reference_are_read() -> None:
    params = PydocsParams(True, True, (), 100, 0.01)
    parts = pydocs.parts(Path("unused"), params, downloads=Path("unused"))
    paths = [path for part in parts.values() for path in part.paths]
    assert not any({"test", "tests", "site-packages"} & set(path.parts) for path in paths)
    assert len(paths) > 400
    (topics,) = [part for part in parts.values() if any(path.name == "topics.py" for path in part.paths)]
    only = pydocs.Part(topics.package, tuple(path for path in topics.paths if path.name == "topics.py"), 100)
    found = {item.title: item for item in pydocs.read(only) if isinstance(item, Document)}
    assert "statement" in found["pydoc_data.topics.assert"].text
    assert found["pydoc_data.topics.assert"].text.startswith('The "assert" statement')
    assert found["pydoc_data.topics.assert"].licence == "PSF-2.0"

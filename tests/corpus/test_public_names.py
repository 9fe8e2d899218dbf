"""Names are those under which a package offers what its modules define."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.public_names import PublicNames

FILES = {
    "shop/__init__.py": "from ._core import mean, renamed as other\nfrom shop.api import Frame\n",
    "shop/api.py": "try:\n    from shop.core.frame import Frame\nexcept ImportError:\n    Frame = None\n",
    "shop/core/__init__.py": "",
    "shop/core/frame.py": "class Frame:\n    def drop(self): ...\n",
    "shop/_core/__init__.py": "from .reductions import *\nfrom missing import *\n",
    "shop/_core/reductions.py": "def mean(a): ...\ndef _hidden(): ...\ndef renamed(): ...\n",
    "shop/masked/__init__.py": "from .core import *\nfrom .core import mean\n",
    "shop/masked/core.py": "def mean(a): ...\n",
    "shop/circle/__init__.py": "from .one import *\n",
    "shop/circle/one.py": "from shop.circle import *\nfrom . import nothing\n",
    "shop/broken/__init__.py": "from .part import (\n",
    "shop/broken/part.py": "def f(): ...\n",
    "posixpath.py": "def join(a): ...\n",
}


@pytest.fixture
def names(tmp_path: Path) -> PublicNames:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return PublicNames(tmp_path)


@pytest.mark.parametrize(
    ("module", "symbol", "name"),
    [
        ("shop._core.reductions", "mean", "shop.mean"),
        ("shop.core.frame", "Frame.drop", "shop.Frame.drop"),
        ("shop.masked.core", "mean", "shop.masked.mean"),
        ("posixpath", "join", "os.path.join"),
        ("posixpath", "", "os.path"),
    ],
)
def test_a_symbol_is_called_as_the_first_package_that_offers_it(
    module: str, symbol: str, name: str, names: PublicNames
) -> None:
    assert names.of(module, symbol) == name


@pytest.mark.parametrize(
    ("module", "symbol", "name"),
    [
        ("shop._core.reductions", "_hidden", "shop._core.reductions._hidden"),
        ("shop._core.reductions", "renamed", "shop._core.reductions.renamed"),
        ("shop.circle.one", "lost", "shop.circle.one.lost"),
        ("shop.broken.part", "f", "shop.broken.part.f"),
        ("shop.core.frame", "", "shop.core.frame"),
        ("elsewhere", "f", "elsewhere.f"),
    ],
)
def test_what_nobody_offers_is_called_by_its_place(
    module: str, symbol: str, name: str, names: PublicNames
) -> None:
    assert names.of(module, symbol) == name

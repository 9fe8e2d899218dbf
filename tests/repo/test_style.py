"""The rules of reading: sizes, names, docstrings, and one home for each heavy package."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("pipeline", "stages")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
MOST_FILE_LINES, MOST_STAGE_LINES, MOST_FUNCTION_LINES, MOST_ARGUMENTS = 300, 100, 60, 6
# The only modules that may import these, and what each is for.
HOMES = {
    "accelerate": {"pipeline/model/runtime.py"},
    "dask": {"pipeline/cluster.py"},
    "dvc": set(),
    "ftfy": {"pipeline/corpus/mojibake.py"},
    "great_expectations": {"pipeline/corpus/expectations.py"},
    "prefect": {"pipeline/flow.py"},
    "py3langid": {"pipeline/corpus/language.py"},
    "sentencepiece": {"pipeline/tokens/bpe.py", "pipeline/tokens/learning.py"},
    "torch": {name for name in MODULES if name.startswith("pipeline/model/")},
    "transformers": {name for name in MODULES if name.startswith("pipeline/model/")},
    "pickle": set(),
}
COMMANDS = {"generate", "where"}  # beside the pipeline
# What they load by name is fingerprinted otherwise (see stages/code.py and _checked_params), or it changes no
# byte (Dask, tqdm).
LOADERS = {"pipeline/cluster.py", "pipeline/progress.py", "pipeline/stage.py", "stages/ingest.py"}
GRAB_BAGS = {"utils", "util", "common", "helpers", "helper", "misc", "base", "core", "tools", "lib"}
AT_IMPORT = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_keeps_every_rule(name: str) -> None:
    for rule in (
        its_file_functions_and_signatures_fit_one_look,
        everything_public_has_a_docstring,
        heavy_packages_are_imported_in_their_home_alone,
        it_is_named_for_what_it_knows,
        nothing_happens_at_import,
        no_error_is_swallowed_and_no_import_is_hidden,
    ):
        rule(name)


@functools.cache
def tree_of(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level packages that the code imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are invisible to the fingerprints"
            yield (node.module or "").partition(".")[0]


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """The public functions and classes of a module or class, with methods; a protocol speaks for its own."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            is_protocol = isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
            if isinstance(node, ast.ClassDef) and not is_protocol:
                yield from public(node.body)


def its_file_functions_and_signatures_fit_one_look(name: str) -> None:
    is_recipe = name.startswith("stages/") and Path(name).stem not in COMMANDS
    most = MOST_STAGE_LINES if is_recipe else MOST_FILE_LINES
    lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
    assert lines <= most, f"{lines} lines: split by topic"
    for function in functions(tree_of(name)):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < MOST_FUNCTION_LINES, function.name
        given = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        said = [argument.arg for argument in given if argument.arg not in ("self", "cls")]
        if not (
            name.startswith("stages/") and function.name == "run"
        ):  # a recipe's signature is its command line
            assert len(said) <= MOST_ARGUMENTS, f"{function.name}({', '.join(said)})"


def everything_public_has_a_docstring(name: str) -> None:
    tree = tree_of(name)
    assert ast.get_docstring(tree), "the module"
    for node in public(tree.body):
        overload = any(ast.unparse(mark).endswith("overload") for mark in node.decorator_list)
        assert overload or ast.get_docstring(node), node.name


def heavy_packages_are_imported_in_their_home_alone(name: str) -> None:
    for package in imported(tree_of(name)):
        assert name in HOMES.get(package, {name}), f"{package} lives in {HOMES[package] or 'no module'}"


def it_is_named_for_what_it_knows(name: str) -> None:
    assert not GRAB_BAGS & set(Path(name).with_suffix("").parts)


def nothing_happens_at_import(name: str) -> None:
    for node in tree_of(name).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_guard = isinstance(node, ast.If) and ast.unparse(node.test) in (
            "__name__ == '__main__'",
            "TYPE_CHECKING",
        )
        sets_prefect_up = name == "pipeline/flow.py" and re.match(
            r"os\.environ|Path\(_HOME", ast.unparse(node)
        )
        assert isinstance(node, AT_IMPORT) or is_docstring or is_guard or sets_prefect_up, ast.unparse(node)


def no_error_is_swallowed_and_no_import_is_hidden(name: str) -> None:
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert ast.unparse(node.type) != "Exception", f"line {node.lineno}: name the errors"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            assert name in LOADERS, f"line {node.lineno}: invisible to the fingerprints"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "print", "eval", "exec"):
            raise AssertionError(f"line {node.lineno}: {ast.unparse(node.func)}")

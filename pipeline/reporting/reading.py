"""JSON as typed values: a file that lacks what a reader needs is named, with the key, in one line.

Keys that the class does not have are left alone: a report reads what it shows.
"""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pipeline.artifacts import read_json
from pipeline.errors import IntegrityError

_T = TypeVar("_T")
_REMEDY = "`dvc repro` writes it anew"
_WORDS = {
    "dict": "an object",
    "list": "a list",
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
}


def read_as(path: Path, kind: type[_T]) -> _T:
    """The JSON object in the file as an instance of the dataclass `kind`, nested ones included.

    IntegrityError when the file is missing, not JSON, lacks a key or holds a value of another type.
    """
    if not path.is_file():
        raise IntegrityError(f"{path}: missing; {_REMEDY}")
    value: _T = _as(read_json(path), kind, f"{path}: ")
    return value


def _as(value: Any, kind: Any, where: str) -> Any:
    """The JSON value as the type `kind`: a dataclass, dict, list, tuple, union with None, or scalar."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        kinds = [option for option in inner if option is not type(None)]
        return None if value is None else _as(value, kinds[0], where)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _as_instance(value, kind, where)
    if origin is dict:
        found = _expect(value, dict, where)
        return {key: _as(item, inner[1], f"{where}{key}.") for key, item in found.items()}
    if origin in (list, tuple):
        items = [
            _as(item, inner[0], f"{where}{place}.") for place, item in enumerate(_expect(value, list, where))
        ]
        if origin is tuple and inner[-1] is not Ellipsis and len(items) != len(inner):
            raise _wrong(where, f"a list of {len(inner)}")
        return items if origin is list else tuple(items)
    if kind is float and type(value) is int:
        return float(value)
    return _expect(value, kind, where)


def _as_instance(value: Any, kind: type, where: str) -> Any:
    """The JSON object as an instance of the dataclass; every field must be there."""
    found = _expect(value, dict, where)
    hints = get_type_hints(kind)
    for name in hints:
        if name not in found:
            raise IntegrityError(f"{where}{name}: missing; {_REMEDY}")
    return kind(**{name: _as(found[name], hint, f"{where}{name}.") for name, hint in hints.items()})


def _expect(value: Any, kind: type, where: str) -> Any:
    if type(value) is not kind:
        raise _wrong(where, _WORDS.get(kind.__name__, f"of type {kind.__name__}"))
    return value


def _wrong(where: str, wanted: str) -> IntegrityError:
    return IntegrityError(f"{where.rstrip('.')}: is not {wanted}; {_REMEDY}")

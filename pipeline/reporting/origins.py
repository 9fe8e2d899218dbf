"""What was run: the params, code and input data behind every stage's numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.reporting.document import Folded, Row, Section, Table
from pipeline.reporting.metrics.provenance import Provenance

HASH_DIGITS = 12


def origins_section(provenances: Sequence[Provenance]) -> Section:
    """For each stage, folded away: the fingerprint of its code, its params, and the hash of what it read."""
    lead = (
        "Every number on this page follows from the code, params and inputs below and from nothing else: "
        "the same three give the same bytes on one kind of processor (float sums differ between kinds). Code "
        "is a stage's own and its libraries'. Hashes are SHA-256, shortened."
    )
    return Section("origins", "What was run", lead, tuple(map(_part, _together(provenances))))


def flat(params: Any, *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every param as its dotted key and its value as JSON, sorted as the metrics files are.

    >>> list(flat({"model": {"width": 64}, "seed": 1}))
    [('model.width', '64'), ('seed', '1')]
    """
    if isinstance(params, Mapping) and params:
        for key, value in params.items():
            yield from flat(value, prefix=f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, json.dumps(params, sort_keys=True, ensure_ascii=False)


def short(sha256: str) -> str:
    """The first digits of a hash, enough to tell two apart."""
    return sha256[:HASH_DIGITS]


def _together(provenances: Sequence[Provenance]) -> Iterator[list[Provenance]]:
    """The stages one by one, but those of a matrix that share code and params as one."""
    matrices: dict[str, list[Provenance]] = {}
    for each in provenances:
        matrices.setdefault(each.stage.partition("@")[0], []).append(each)
    for members in matrices.values():
        if all((each.code, each.params) == (members[0].code, members[0].params) for each in members):
            yield members
        else:
            yield from ([each] for each in members)


def _part(members: list[Provenance]) -> Folded:
    first = members[0]
    stage = first.stage if len(members) == 1 else first.stage.partition("@")[0]
    params = tuple(Row(pair) for pair in flat(first.params))
    inputs = tuple(
        Row((path, short(sha256))) for each in members for path, sha256 in sorted(each.inputs.items())
    )
    return Folded(
        f"{stage}, code {short(first.code)}",
        (
            Table("", ("Param", "Value"), ("code", "code"), params),
            Table("", ("Input", "Hash"), ("code", "code"), tuple(dict.fromkeys(inputs))),
        ),
    )

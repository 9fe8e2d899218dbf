"""params.yaml under attack: whatever is wrong with it is a ParamsError that names the key or the line."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from ruamel.yaml import YAML

from pipeline.errors import ParamsError
from pipeline.params import MAX_FILE_BYTES, MAX_PROBLEMS, Matches, Range, allowed, as_json, load, unwrapped
from pipeline.settings.sections import SECTIONS, contradictions

ROOT = Path(__file__).resolve().parent.parent
SOUND = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
# What no knob may be, as YAML text.
NEVER = (
    ".nan",
    "!!python/object/apply:os.system ['touch PWNED']",
    "&a 3",
    "!!int '5'",
    "{}",
    '"\\ud800"',
    "0x1f",
)
WRONG: dict[Any, tuple[str, ...]] = {
    int: ("1.5", "'5'", "true", "yes", "[1]", "010", "1e3", "1:30", "9" * 5000, "99999999999999999999"),
    float: ("'0.5'", "yes", "[0.5]", ".inf", "-.inf", "1e400", "9" * 5000, "010"),
    bool: ("yes", "on", "1", "'true'", "[true]"),
    str: ("1", "true", "[a]", "2.5"),
    tuple: ("3", "text", "true"),
    Literal: ("nonsense", "true", "[muon]", "64.0"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """One knob: its place in the file and its annotated type."""

    path: tuple[str, ...]
    kind: Any

    @property
    def key(self) -> str:
        return ".".join(self.path)


def leaves_below(kinds: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[Leaf]:
    for name, kind in kinds.items():
        plain, _, _ = unwrapped(kind)
        if dataclasses.is_dataclass(plain):
            yield from leaves_below(get_type_hints(plain, include_extras=True), (*prefix, name))
        else:
            yield Leaf((*prefix, name), kind)


LEAVES = list(leaves_below(dict(SECTIONS)))


def problems_of(path: Path, text: str | bytes, sections: dict[str, type] = SECTIONS) -> tuple[str, ...]:
    """The problems of a params file with this content; the test fails when it has none."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ParamsError) as caught:
        load(path, sections)
    for problem in caught.value.problems:
        assert "\n" not in problem
        assert len(problem) < 2000
        assert str(path) in problem
    return caught.value.problems


def file_of(leaf: Leaf, knobs: str) -> str:
    """A params file with the YAML text of these knobs where the leaf is, and nothing else."""
    opening = "".join(f'{{"{name}": ' for name in leaf.path[:-1])
    return f"{opening}{{{knobs}}}{'}' * (len(leaf.path) - 1)}"


def alone(leaf: Leaf) -> dict[str, type]:
    """The knob's section with no other knob in it."""
    kind = leaf.kind
    for name in reversed(leaf.path[1:]):
        kind = dataclasses.make_dataclass("Alone", [(name, kind)], frozen=True)
    return {leaf.path[0]: kind}


def wrong_values(leaf: Leaf) -> Iterator[str]:
    """YAML texts that the knob must refuse: wrong types, and values just outside its range."""
    plain, rules, optional = unwrapped(leaf.kind)
    origin = get_origin(plain) or plain
    yield from (*NEVER, *WRONG[origin], *(() if optional else ("null", "~")))
    for rule in rules:
        if isinstance(rule, Matches):
            yield from ('"\\n"', '"; touch PWNED\\0"')
        elif origin is tuple:
            element = unwrapped(get_args(plain)[0])[0]
            yield (
                json.dumps([7 if element is int else "F16"] * int(rule.high + 1))
                if rule.high < 1000
                else "[[]]"
            )
        elif origin is str:
            yield from (json.dumps("x" * int(rule.high + 1)), *(('""',) if rule.low else ()))
        else:
            yield from (str(rule.low - 1), str(rule.high + 1))


def test_the_files_that_ship_are_sound() -> None:
    for path in [ROOT / "params.yaml", *sorted((ROOT / "profiles").glob("*.yaml"))]:
        params = load(path, SECTIONS)
        assert list(params) == list(SECTIONS), path
        assert list(contradictions(params)) == [], path


def test_questions_about_documentation_that_is_switched_off_are_a_contradiction() -> None:
    params = load(ROOT / "params.yaml", SECTIONS)
    ingest = params["ingest"]
    params["ingest"] = dataclasses.replace(ingest, pydocs=dataclasses.replace(ingest.pydocs, enabled=False))
    (problem,) = contradictions(params)
    assert problem.startswith("finetune.from_documentation: is true, and ingest.pydocs.enabled is false")
    params["finetune"] = dataclasses.replace(params["finetune"], from_documentation=False, from_text=True)
    assert list(contradictions(params)) == []


def test_a_sliding_window_longer_than_the_context_is_a_contradiction() -> None:
    params = load(ROOT / "params.yaml", SECTIONS)
    pretrain, context = params["pretrain"], params["pack"].block_tokens
    for window, number in ((1, 0), (context, 0), (context + 1, 1)):
        model = dataclasses.replace(pretrain.model, sliding_window_tokens=window)
        params["pretrain"] = dataclasses.replace(pretrain, model=model)
        problems = list(contradictions(params))
        assert len(problems) == number
    bounds = (
        f"is {context + 1}; must be 1 to {context}, the context length that pack.block_tokens sets, or null"
    )
    assert problems == [f"pretrain.model.sliding_window_tokens: {bounds}"]


def test_a_rest_of_a_document_that_validation_would_refuse_is_a_contradiction() -> None:
    params = load(ROOT / "params.yaml", SECTIONS)
    least = params["validate"].min_chars
    for sources, min_chars, number in (
        (("files",), least, 0),
        (("files",), least - 1, 1),
        ((), least - 1, 0),
    ):
        cut = dataclasses.replace(params["dedupe"].repeated_paragraphs, sources=sources, min_chars=min_chars)
        params["dedupe"] = dataclasses.replace(params["dedupe"], repeated_paragraphs=cut)
        problems = list(contradictions(params))
        assert len(problems) == number
        told = f"dedupe.repeated_paragraphs.min_chars: is {least - 1}; must be {least} or more"
        assert all(problem.startswith(told) for problem in problems)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"positions": "learned"}, "rope_theta is 10000.0; positions learned has no use for it: set null"),
        ({"rope_theta": None}, "rope_theta is null; positions rope needs a number, such as 10000.0"),
        ({"num_heads": 128}, "width / num_heads must be even for positions rope; it is 1"),
        ({"num_heads": 128, "positions": "sinusoidal", "rope_theta": None}, None),
        ({"num_heads": 3, "num_kv_heads": 3}, "width 128 must be a multiple of num_heads 3"),
        ({"num_kv_heads": 3}, "num_heads 2 must be a multiple of num_kv_heads 3"),
        ({"mlp_width": 100}, "width 128 and mlp_width 100 must both be multiples of 32"),
        ({"norm": "layernorm", "norm_place": "post", "qk_norm": True, "mlp": "relu2"}, None),
    ],
)
def test_settings_of_the_model_that_contradict_one_another_are_named(
    changes: dict[str, Any], rule: str | None, tmp_path: Path
) -> None:
    section = copy.deepcopy({"pretrain": SOUND["pretrain"]})
    section["pretrain"]["model"] |= changes
    if rule is None:
        (tmp_path / "params.yaml").write_text(json.dumps(section))
        load(tmp_path / "params.yaml", {"pretrain": SECTIONS["pretrain"]})
        return
    found = problems_of(tmp_path / "p.yaml", json.dumps(section), {"pretrain": SECTIONS["pretrain"]})
    assert [problem.partition("line 1: ")[2] for problem in found] == [f"pretrain.model: {rule}"]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.key)
def test_every_knob_refuses_what_it_cannot_be_and_says_which(leaf: Leaf, tmp_path: Path) -> None:
    path, only, name = tmp_path / "params.yaml", alone(leaf), leaf.path[-1]
    sound = f'"{name}": {json.dumps(value_at(leaf))}'
    path.write_text(file_of(leaf, sound))
    load(path, only)

    for filling in wrong_values(leaf):
        problems = problems_of(path, file_of(leaf, f'"{name}": {filling}'), only)
        assert all(leaf.key in problem for problem in problems), (filling[:50], problems)
    (missing,) = problems_of(path, file_of(leaf, ""), only)
    assert f"{leaf.key}: is missing" in missing
    (unknown,) = problems_of(path, file_of(leaf, f'"{name}s": 1, {sound}'), only)
    assert f"{leaf.key}s: unknown key; allowed here: {name}" in unknown


def value_at(leaf: Leaf) -> Any:
    """The knob's value in params.yaml."""
    value = SOUND
    for name in leaf.path:
        value = value[name]
    return value


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "clean:\n  max_chars: 3\n  min_chars: no\n  extra: 1\nexport: 7\n"
    problems = problems_of(tmp_path / "p.yaml", text, {name: SECTIONS[name] for name in ("clean", "export")})
    told = [problem.partition("p.yaml ")[2] for problem in problems]
    names = [field.name for field in dataclasses.fields(SECTIONS["clean"])]
    missing = [name for name in names if name not in ("max_chars", "min_chars")]
    assert told == [
        f"line 4: clean.extra: unknown key; allowed here: {', '.join(names)}",
        *(f"line 2: clean.{name}: is missing; there are no hidden defaults" for name in missing),
        "line 2: clean.max_chars: is 3; must be a whole number, 100 to 1000000000",
        "line 3: clean.min_chars: is 'no'; must be a whole number, 1 to 1000000",
        "line 5: export: is 7; must be a mapping with the keys model_name, gguf_types",
    ]


def test_a_rule_across_fields_is_a_problem_of_their_section(tmp_path: Path) -> None:
    text = json.dumps({"clean": {**SOUND["clean"], "min_chars": 500, "max_chars": 200}})
    (problem,) = problems_of(tmp_path / "p.yaml", text, {"clean": SECTIONS["clean"]})
    assert problem.endswith("clean: min_chars 500 must be below max_chars 200")
    text = json.dumps({"validate": {**SOUND["validate"], "min_chars": 500, "max_chars": 200}})
    (problem,) = problems_of(tmp_path / "p.yaml", text, {"validate": SECTIONS["validate"]})
    assert problem.endswith("validate: min_chars 500 must not be above max_chars 200")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a mapping of sections"),
        ("# only a comment\n", "must be a mapping of sections"),
        ("- clean\n", "must be a mapping of sections"),
        ("just text", "must be a mapping of sections"),
        ("clean:\n\tmin_chars: 1\n", "line 2: not valid YAML"),
        ("clean: [1\nexport: 2\n", "line 2: not valid YAML"),
        ("clean: {}\n---\nexport: {}\n", "not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        (b"clean: \xff\xfe\n", "not UTF-8 at byte 7"),
        ("clean: {}\n".encode("utf-16"), "not UTF-8 at byte 0"),
        (b"\x00" * 100, "not valid YAML"),
        ("[" * 20_000, "nested far too deep"),
        ("# " + "]" * 20_000 + "\n" + "[" * 20_000, "nested far too deep"),
        ("a: " + "{a: " * 50_000, "nested far too deep"),
        ("- " * 20_000, "nested far too deep"),
        ("\n".join(" " * depth + "a:" for depth in range(600)), "nested far too deep"),
        (b"#" * 10_000_000, f"larger than the {MAX_FILE_BYTES} bytes"),
        ("clean: *nowhere\n", "line 1: not valid YAML"),
        ("!!python/object/apply:os.system ['touch PWNED']\n", "must be a mapping of sections"),
        ("!!python/dict {clean: {}}\n", "must be a mapping of sections"),
        ("!!python/name:os.system clean: {}\n", "clean: has a tag, anchor or alias"),
        ("clean: !!python/object:os.system {min_chars: 1}\n", "clean: has a tag, anchor or alias"),
        ("clean: {}\nclean: {}\n", "line 2: clean: is set twice; keep one"),
        ("<<: {clean: {}}\n", "<<: unknown key"),
        ("clean: {min_chars: &a 1, max_chars: &a 2}\n", "clean.min_chars: has a tag, anchor or alias"),
        ("? [clean]\n: {}\n", "a list: unknown key"),
        ('"a\\nb\\e[2J": 1\n', r"a\nb\x1b[2J: unknown key"),
        ("k" * 900 + ": 1\n", "...: unknown key"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plain_mapping_is_refused(text: str | bytes, words: str, tmp_path: Path) -> None:
    started = time.process_time()
    problems = problems_of(tmp_path / "params.yaml", text, {"clean": SECTIONS["clean"]})
    assert words in "; ".join(problems)
    assert time.process_time() - started < 1, "refusing is fast"
    assert not Path("PWNED").exists()


@pytest.mark.parametrize("before", ["", "# a comment\n", "\ufeff"])
def test_a_directive_that_would_change_the_meaning_of_yes_and_010_is_refused(
    tmp_path: Path, before: str
) -> None:
    for directive in ("%YAML 1.1", "%YAML 9.9", "%TAG ! tag:x,2000:", "%"):
        text = f"{before}{directive}\n---\n{json.dumps({'clean': SOUND['clean']})}"
        (problem,) = problems_of(tmp_path / "p.yaml", text, {"clean": SECTIONS["clean"]})
        assert problem.endswith(
            f"line {1 + before.count(chr(10))}: a YAML directive (%) is not allowed; delete the line"
        )


def test_an_alias_bomb_is_refused_without_being_expanded(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    problems = problems_of(tmp_path / "p.yaml", bomb + "clean: *i\n", {"clean": SECTIONS["clean"]})
    assert "clean: has a tag, anchor or alias" in problems[-1]


def test_a_flood_of_problems_is_cut(tmp_path: Path) -> None:
    text = "".join(f"k{number}: 1\n" for number in range(1000))
    problems = problems_of(tmp_path / "p.yaml", text)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].endswith(f"and {1000 + len(SECTIONS)} problems in all")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="cannot be read"):
        load(tmp_path / "missing.yaml", SECTIONS)
    with pytest.raises(ParamsError, match="not a regular file"):
        load(tmp_path, SECTIONS)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ParamsError, match="not a regular file"):
        load(tmp_path / "pipe", SECTIONS)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ParamsError, match="cannot be read"):
        load(tmp_path / "loop", SECTIONS)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    plain, windows = tmp_path / "plain.yaml", tmp_path / "windows.yaml"
    plain.write_text(json.dumps({"clean": SOUND["clean"]}, indent=1))
    windows.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().replace(b"\n", b"\r\n"))
    sections = {"clean": SECTIONS["clean"]}
    assert load(windows, sections) == load(plain, sections)


def test_no_random_damage_gets_past_as_another_exception(tmp_path: Path) -> None:
    chance, path = random.Random(7), tmp_path / "p.yaml"
    whole = "clean:\n" + "".join(f"  {name}: {value}   # why\n" for name, value in SOUND["clean"].items())
    pieces = [
        "\t",
        "{",
        "]",
        "&a ",
        "*a",
        "!!int ",
        "%YAML 1.1\n",
        "---\n",
        "? ",
        "- ",
        "|9\n",
        '"',
        "'",
        "\\u",
        "\0",
    ]
    refused = 0
    for _ in range(300):
        text = whole
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(text))
            text = text[:place] + chance.choice(pieces) + text[place + chance.randint(0, 3) :]
        path.write_text(text)
        try:
            load(path, {"clean": SECTIONS["clean"]})
        except ParamsError:
            refused += 1
    assert refused > 200


def test_values_arrive_as_the_types_that_the_class_names(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "ingest: {pydocs: {enabled: true, standard_library: False, packages: [numpy, a.b],\n"
        "  min_chars: 1_000, max_quarantine_share: 1},\n"
        " files: {enabled: false, patterns: ['**'], text_column: 'yes', metadata_columns: [], licence: '',\n"
        "  max_quarantine_share: 0.1},\n"
        " gutenberg: {enabled: false, mirror: null, ids: [], max_missing: 0, max_quarantine_share: 0.1,\n"
        "  catalogue: {enabled: false, languages: [], subjects: [], authors: [], limit: 1}},\n"
        " openwebtext: {enabled: false, url: 'https://a/b.xz', max_documents: 5, max_quarantine_share: 0},\n"
        " wikipedia: {enabled: false, url: null, max_documents: 5, licence: x, max_quarantine_share: 0},\n"
        " commoncrawl: {enabled: false, url: null, licence: '', max_quarantine_share: 0}}\n"
    )
    ingest = load(tmp_path / "p.yaml", {"ingest": SECTIONS["ingest"]})["ingest"]
    assert (ingest.pydocs.packages, ingest.pydocs.min_chars) == (("numpy", "a.b"), 1000)
    assert (ingest.pydocs.enabled, ingest.pydocs.standard_library) == (True, False)
    assert (ingest.files.text_column, ingest.gutenberg.mirror, ingest.gutenberg.ids) == ("yes", None, ())
    share = ingest.pydocs.max_quarantine_share
    assert (share, type(share)) == (1.0, float)
    assert json.loads(json.dumps(as_json(ingest)))["openwebtext"]["url"] == "https://a/b.xz"


def test_a_password_does_not_get_into_params(tmp_path: Path) -> None:
    """Params are copied into metrics, and those are committed."""
    (mirror,) = (leaf for leaf in LEAVES if leaf.key == "ingest.gutenberg.mirror")
    for url in ("https://me:secret@example.org/", "https://me@example.org"):
        text = file_of(mirror, f'"mirror": "{url}"')
        (problem,) = problems_of(tmp_path / "p.yaml", text, alone(mirror))
        assert "without a user's name" in problem


def test_what_is_allowed_is_said_in_words() -> None:
    assert allowed(Annotated[float, Range(0, 1)]) == "a number, 0 to 1"
    assert allowed(Annotated[str, Range(1, 9)] | None) == "a string, length 1 to 9, or null"
    assert allowed(Annotated[str, Matches("[ab]+", "of a and b")]) == "a string, of a and b"
    assert (
        allowed(Annotated[tuple[Literal["x", "y"], ...], Range(0, 2)])
        == "a list of 0 to 2 entries, each one of x, y"
    )

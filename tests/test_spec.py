"""Specs: what a TOML file says becomes a model, and what it says wrongly is told with its line."""

from __future__ import annotations

import json
import pickle
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.tracing import spec
from deconvcalc.tracing.lines import Place, places
from deconvcalc.tracing.pasted import traced as pasted

ROOT = Path(__file__).parent.parent
RELU = 'layers = ["nn.ReLU()"]\n'


def read(folder: Path, text: str, size: Any = 32, **more: Any) -> dc.Trace:
    """A spec, traced."""
    file = folder / "net.toml"
    file.write_text(text, encoding="utf-8")
    return dc.trace(file, size, **more)


def refused(folder: Path, text: str, **more: Any) -> dc.SpecError:
    """The error of a spec."""
    with pytest.raises(dc.SpecError) as found:
        read(folder, text, **more)
    return found.value


def shown(model: dc.Model) -> list[Any]:
    """A model as data: what each node does, on what, and what comes out."""
    return [
        (node.name, node.operation, [one.name for one in node.sources], node.shape)
        for node in model
    ]


# What it says.


def test_a_spec_is_the_model_built_by_hand() -> None:
    found = dc.trace(ROOT / "docs" / "examples" / "unet.toml", (55, 54))
    model = dc.Model()
    image = model.input("image", channels=3, axes=2)
    conv = dc.parse("nn.Conv2d(3, 16, 3, padding=1)")
    first = model.add(conv, image, name="enc1.0")
    enc1 = model.add(dc.Identity("ReLU"), first, name="enc1.1")
    pool1 = model.add(dc.parse("nn.MaxPool2d(2)"), enc1, name="pool1")
    enc2 = model.add(dc.parse("nn.Conv2d(16, 32, 3, padding=1)"), pool1, name="enc2")
    pool2 = model.add(dc.parse("nn.MaxPool2d(2)"), enc2, name="pool2")
    up2 = model.add(dc.parse("nn.ConvTranspose2d(32, 32, 2, stride=2)"), pool2, name="up2")
    skip2 = model.add(dc.Concat(), up2, enc2, name="skip2")
    up1 = model.add(dc.parse("nn.ConvTranspose2d(64, 16, 2, stride=2)"), skip2, name="up1")
    skip1 = model.add(dc.Concat(), up1, enc1, name="skip1")
    head = model.output(model.add(dc.parse("nn.Conv2d(32, 2, 1)"), skip1, name="head"))
    assert shown(found.model) == shown(model)
    assert [node.name for node in found.model.outputs] == [head.name]
    assert found.admissible == model.admissible()
    assert [(fault.node, fault.axis) for fault in found.clashes] == [
        ("skip2", 0),
        ("skip2", 1),
        ("skip1", 0),
    ]


def test_each_node_knows_its_line() -> None:
    path = ROOT / "docs" / "examples" / "unet.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in dc.trace(path, 64).model:
        file, _, number = str(node.where).rpartition(":")
        assert file.endswith("unet.toml")
        near = lines[int(number) - 1 : int(number) + 1]
        assert f'name = "{node.name.partition(".")[0]}"' in near


def test_an_input_may_be_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, 'layers = ["nn.Conv1d(5, 8, 3)"]', 100)
    (source,) = found.model.inputs
    assert (source.name, source.channels, found.model.variables) == ("input", 5, ("n",))


def test_the_size_tells_the_axes_where_nothing_else_does(tmp_path: Path) -> None:
    assert read(tmp_path, RELU, (8, 9, 10)).model.variables == ("d", "h", "w")
    assert read(tmp_path, RELU, 8).model.variables == ("h", "w")


def test_several_inputs(tmp_path: Path) -> None:
    text = """
    inputs = [{name = "left", axes = 1}, {name = "right", axes = 1, channels = 4}]
    layers = [
      {name = "a", layer = "nn.MaxPool1d(2)", from = "left"},
      {name = "b", layer = "nn.MaxPool1d(3)", from = "right"},
      {name = "sum", add = ["a", "b"]},
    ]
    outputs = ["a", "sum"]
    """
    found = read(tmp_path, text, {"left": 20, "right": 30}, channels={"left": 4})
    assert found.ok
    assert found.point == {"n": 20, "right.n": 30}
    assert [node.channels for node in found.model.inputs] == [4, 4]
    assert [node.name for node in found.model.outputs] == ["a", "sum"]
    with pytest.raises(dc.SpecError, match="no input 'lft'") as error:
        read(tmp_path, text, {"lft": 20})
    assert error.value.hint == "Did you mean left?"


def test_axes_of_one_name_have_one_size(tmp_path: Path) -> None:
    text = """
    inputs = [{name = "a", axes = ["t"]}, {name = "b", axes = ["t"]}]
    layers = [{layer = "nn.MaxPool1d(2)", from = "a"}, {concat = "b"}]
    """
    found = read(tmp_path, text, 8, channels=1)
    assert found.model.variables == ("t",)
    assert not found.ok
    assert not found.admissible


OPERATIONS: list[tuple[str, Any]] = [
    ('add = "a"', dc.Add()),
    ('add = ["a", "b"]', dc.Add()),
    ('multiply = "a"', dc.Multiply()),
    ('concat = ["b", "a"]', dc.Concat()),
    ('concat = "a"\naxis = 1', dc.Concat(1)),
    ('crop_to = "a"', dc.CropTo()),
    ('crop_to = "a"\nwhere = "start"', dc.CropTo("start")),
    ('pad_to = "a"', dc.PadTo()),
    ('pad_to = "a"\nwhere = "end"\ncrops = false', dc.PadTo("end", crops=False)),
    ('resize_to = "a"\nmode = "bilinear"', dc.ResizeTo("bilinear")),
    (
        'transpose_to = "a"\nlayer = "nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1)"',
        dc.TransposeTo(
            dc.ConvTranspose(3, stride=2, padding=1, in_channels=8, out_channels=8, axes=2)
        ),
    ),
    ('layer = "GlobalAveragePooling2D()"', dc.GlobalPool(keepdims=False, axes=2)),
    ('layer = "dc.MaxPool(3, stride=2)"', dc.MaxPool(3, stride=2)),
    ('layer = {kind = "MaxPool", kernel_size = 3, stride = 2}', dc.MaxPool(3, stride=2)),
    (
        'layer = {kind = "Conv", kernel_size = [3, 5], padding = [[0, 1], [2, 2]]}',
        dc.Conv((3, 5), padding=((0, 1), (2, 2))),
    ),
]


@pytest.mark.parametrize(("keys", "operation"), OPERATIONS, ids=[keys for keys, _ in OPERATIONS])
def test_every_key_makes_its_operation(tmp_path: Path, keys: str, operation: Any) -> None:
    text = f"""
[[layers]]
name = "a"
layer = "nn.Conv2d(3, 8, 3, padding=1)"
[[layers]]
name = "b"
layer = "nn.ReLU()"
[[layers]]
name = "c"
{keys}
"""
    node = read(tmp_path, text).model["c"]
    assert node.operation == operation
    if "[" not in keys.partition("\n")[0] or "kind" in keys:
        several = ["b", "a"] if '"a"' in keys else ["b"]
    else:
        several = tomllib.loads(keys).popitem()[1]
    assert [one.name for one in node.sources] == several


def test_features_become_an_image(tmp_path: Path) -> None:
    text = """
    inputs = [{channels = 100, axes = 0}]
    layers = ["nn.Linear(100, 8192)", {unflatten = [512, 4, 4]}, "nn.PixelShuffle(2)"]
    """
    found = read(tmp_path, text)
    assert found.ok
    assert (found.rows[-1].channels, found.rows[-1].size) == (128, (8, 8))


def test_a_name_stands_for_the_end_of_a_chain(tmp_path: Path) -> None:
    text = """
    layers = [
      {name = "block", layer = "nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())"},
      {name = "more", layer = "nn.ReLU()", from = "input"},
      {name = "both", concat = "block"},
    ]
    """
    both = read(tmp_path, text).model["both"]
    assert [one.name for one in both.sources] == ["more", "block.1"]


def test_repeat_is_written_out(tmp_path: Path) -> None:
    body = '"nn.Conv2d(8, 8, 3, padding=1)", {name = "r", layer = "nn.ReLU()"}, {add = "start"}'
    start = '{name = "start", layer = "Identity()"}'
    repeated = read(
        tmp_path,
        f'layers = [{{name = "s", repeat = 3, layers = [{start}, {body}]}}, {{add = "s.0.r"}}]',
    )
    written = ", ".join(
        [
            start.replace("start", f"start{i}")
            + ", "
            + body.replace('"r"', f'"r{i}"').replace("start", f"start{i}")
            for i in range(3)
        ]
    )
    longer = read(tmp_path, f'layers = [{written}, {{add = "r0"}}]')
    one, other = list(repeated.model), list(longer.model)
    assert [node.operation for node in one] == [node.operation for node in other]
    places_of = [[[s.index for s in node.sources] for node in nodes] for nodes in (one, other)]
    assert places_of[0] == places_of[1]
    assert [node.name for node in one][4:6] == ["add_1", "s.1.start"]


def test_outputs_are_by_default_the_last_layer(tmp_path: Path) -> None:
    found = read(tmp_path, 'layers = ["nn.ReLU()", {name = "end", layer = "nn.ReLU()"}]')
    assert [node.name for node in found.model.outputs] == ["end"]


def test_what_is_assumed_is_listed(tmp_path: Path) -> None:
    text = 'layers = ["nn.ReLU()", "nn.Mystery(3)", "Mystery(4)"]'
    assert "--assume Mystery=same" in str(refused(tmp_path, text))
    found = read(tmp_path, text, assume={"Mystery": "same"})
    assert found.passed == ("Mystery",)
    assert found.rows[-1].size == (32, 32)
    with pytest.raises(dc.QueryError, match="not 'double'"):
        read(tmp_path, text, assume={"Mystery": "double"})


# What it says wrongly.

WRONG: list[tuple[str, str, int, str, str, str | None]] = [
    ("nothing", "", 1, "the model needs layers", "", None),
    ("no layers", 'name = "x"', 1, "the model needs layers", "", None),
    ("an unknown key", RELU + 'outpts = ["a"]', 2, "unknown key 'outpts'", "outpts", "outputs"),
    ("layers as text", 'name = "x"\nlayers = "nn.ReLU()"', 2, "must be a list", "layers", None),
    (
        "a layer as a number",
        "layers = [\n3]",
        2,
        "layers[0] must be text or a table",
        "layers",
        None,
    ),
    (
        "no operation",
        'layers = [{name = "a"}]',
        1,
        "layers[0] does not say what it does",
        "layers",
        "needs one of layer, add",
    ),
    (
        "a misspelt operation",
        'layers = [\n{name = "a", layr = "nn.ReLU()"}]',
        2,
        "unknown key 'layr'",
        "layr",
        "layer",
    ),
    (
        "a misspelt key",
        '[[layers]]\nlayer = "nn.ReLU()"\nfrm = "input"',
        3,
        "layers[0]: unknown key 'frm'",
        "frm",
        "from",
    ),
    (
        "a key of another operation",
        'layers = [{layer = "nn.ReLU()", axis = 1}]',
        1,
        "axis does not go with layer",
        "axis",
        None,
    ),
    (
        "two operations",
        'layers = ["nn.ReLU()", {add = "input", concat = "input"}]',
        1,
        "concat does not go with add",
        "concat",
        None,
    ),
    (
        "no such source",
        'layers = ["nn.ReLU()",\n {add = "inptu"}]',
        2,
        "there is no 'inptu'",
        "add",
        "Did you mean input?",
    ),
    (
        "a cycle",
        'layers = [\n{name = "a", add = "b"},\n{name = "b", layer = "nn.ReLU()"}]',
        2,
        "'b' comes later",
        "add",
        "no cycles",
    ),
    ("a layer on itself", 'layers = [{name = "a", add = "a"}]', 1, "'a' comes later", "add", None),
    (
        "a name twice",
        'layers = [{name = "b", layer = "nn.ReLU()"},\n{name = "b", layer = "nn.ReLU()"}]',
        2,
        "net.toml:1",
        "name",
        None,
    ),
    (
        "the name of an input",
        'layers = [{name = "input", layer = "nn.ReLU()"}]',
        1,
        "'input' is taken",
        "name",
        None,
    ),
    (
        "channels that are no number",
        "[[inputs]]\nchannels = true\n" + RELU.replace("layers", "x"),
        2,
        "must be a whole number, not true",
        "channels",
        None,
    ),
    (
        "no channels",
        f"inputs = [{{channels = 0}}]\n{RELU}",
        1,
        "inputs[0].channels must be at least 1, not 0",
        "channels",
        None,
    ),
    ("four axes", f"inputs = [{{axes = 4}}]\n{RELU}", 1, "must be from 0 to 3", "axes", None),
    (
        "axes as text",
        f'inputs = [{{axes = "h"}}]\n{RELU}',
        1,
        "must be a whole number or a list",
        "axes",
        None,
    ),
    (
        "a call that lacks something",
        'layers = ["nn.ReLU()",\n"nn.Conv2d(3, 8)"]',
        2,
        "Conv2d needs kernel_size",
        "kernel_size",
        None,
    ),
    (
        "a layer nobody knows",
        'layers = ["nn.ReLU()",\n"nn.Foo(3, 8)"]',
        2,
        "Foo is no layer",
        "name",
        "--assume Foo=same",
    ),
    (
        "a kind nobody knows",
        'layers = [{layer = {kind = "Cnv"}}]',
        1,
        "Cnv is no layer",
        "kind",
        "Conv",
    ),
    ("no kind", "layers = [{layer = {kernel_size = 3}}]", 1, "needs kind", "layer", None),
    (
        "a field nobody knows",
        '[[layers]]\n[layers.layer]\nkind = "Conv"\nkernel = 3',
        4,
        "Conv has no field kernel",
        "kernel",
        "kernel_size",
    ),
    (
        "a field of another type",
        '[[layers]]\n[layers.layer]\nkind = "Conv"\nkernel_size = "x"',
        4,
        "kernel_size must be an int",
        "kernel_size",
        None,
    ),
    (
        "a word that is none",
        'layers = ["nn.ReLU()", {crop_to = "input", where = "middle"}]',
        1,
        "must be one of 'center', 'start', 'end'",
        "where",
        None,
    ),
    (
        "channels alone",
        "layers = [{unflatten = [3]}]",
        1,
        "has 1 elements, and from 2 to 4",
        "unflatten",
        None,
    ),
    (
        "no repetition",
        'layers = [{repeat = 0, layers = ["nn.ReLU()"]}]',
        1,
        "must be from 1 to 100,000",
        "repeat",
        None,
    ),
    (
        "no transposed convolution",
        'layers = [{transpose_to = "input", layer = "nn.ReLU()"}]',
        1,
        "needs one transposed convolution",
        "layer",
        None,
    ),
    (
        "axes that do not fit",
        'layers = ["nn.Conv2d(3, 8, 3)",\n"nn.Conv1d(3, 8, 3)"]',
        2,
        "has 1 axes",
        "layers",
        None,
    ),
    (
        "a fold of an image",
        'layers = ["nn.Conv2d(3, 8, 3)",\n"nn.Fold((4, 4), 2)"]',
        2,
        "needs one axis",
        "layers",
        None,
    ),
    (
        "an unfold of features",
        'layers = ["GlobalAveragePooling2D()",\n"nn.Unfold(2)"]',
        2,
        "needs spatial axes",
        "layers",
        None,
    ),
    ("no such output", RELU + 'outputs = ["x"]', 2, "there is no 'x'", "outputs", "input"),
    ("a date", "name = 1979-05-27\n" + RELU, 1, "must be text", "name", None),
    ("a long name", f'name = "{"x" * 300}"\n{RELU}', 1, "has 300 characters", "name", None),
    ("an empty chain", 'layers = ["nn.Sequential()"]', 1, "no layer in this chain", "layer", None),
    (
        "from beside a list",
        'layers = ["nn.ReLU()", {add = ["input", "input"], from = "input"}]',
        1,
        "from does not go with a list",
        "from",
        None,
    ),
    (
        "a merge of one",
        'layers = ["nn.ReLU()", {add = ["input"]}]',
        1,
        "has 1 elements",
        "add",
        None,
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "words", "rule", "hint"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_a_fault_is_told_with_its_place(
    tmp_path: Path, text: str, line: int, words: str, rule: str, hint: str | None
) -> None:
    error = refused(tmp_path, text)
    assert error.where.endswith(f"net.toml:{line}")
    assert str(error).startswith(error.where)
    assert words in error.message
    assert (error.rule or "") == rule
    assert hint is None or hint in str(error)


UNREADABLE: list[tuple[str, bytes, str]] = [
    ("no TOML", b"layers = [", "this is no TOML"),
    ("no text", b"layers = ['\xff']", "it is no text"),
    ("too large", b"#" * 1_000_001, "larger than 1,000,000 bytes"),
    ("a long key", b".".join([b"a"] * 200_000) + b" = 1", "too many parts"),
    ("deep lists", b"a = " + b"[" * 200_000, "nested too deeply"),
    ("deep tables", b"a = " + b"{a = " * 100_000, "nested too deeply"),
    ("a long number", b"name = " + b"9" * 100_000, "this is no TOML"),
    (
        "too many layers",
        b'layers = [{repeat = 100000, layers = ["nn.ReLU()", "nn.ReLU()"]}]',
        "more than 100,000 layers",
    ),
    (
        "layers without end",
        b"layers = [" + b"{repeat = 9, layers = [" * 40 + b'"nn.ReLU()"' + b"]}" * 40 + b"]",
        "more than 100,000 layers",
    ),
]


@pytest.mark.parametrize(
    ("content", "words"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE]
)
def test_what_cannot_be_read_is_refused_soon(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "net.toml"
    file.write_bytes(content)
    begun = time.process_time()
    with pytest.raises(dc.SpecError, match=words):
        dc.trace(file, 32)
    assert time.process_time() - begun < 5


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(dc.SpecError, match="No such file"):
        dc.trace(tmp_path / "no.toml", 32)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(dc.SpecError, match="cannot be read"):
        dc.trace(tmp_path / "folder.toml", 32)


def test_an_error_goes_through_a_pickle(tmp_path: Path) -> None:
    error = refused(tmp_path, "layers = [3]")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (str(again), again.where, again.rule) == (str(error), error.where, error.rule)


def test_sizes_fit_the_axes(tmp_path: Path) -> None:
    with pytest.raises(dc.SizeError, match="has the axes h, w: 3 sizes are given"):
        read(tmp_path, 'layers = ["nn.Conv2d(3, 8, 3)"]', (1, 2, 3))
    with pytest.raises(dc.QueryError, match="the size of the input is not given"):
        read(tmp_path, RELU, None)


# The lines of values.


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict[Place, int]]:
    """A TOML text, and the line of each value in it, as it was written."""
    lines = ["# the first line"]
    found: dict[Place, int] = {}
    keys = st.sampled_from(["a", "b-1", '"a b"', "'#['"])

    def gap(inside: bool) -> str:
        kinds = ["", " ", "  "] + (["\n", " # [ ' \" ]\n", "\n\n"] if inside else [])
        return draw(st.sampled_from(kinds))

    def put(text: str) -> None:
        first, *rest = text.split("\n")
        lines[-1] += first
        lines.extend(rest)

    def value(place: Place, depth: int) -> None:
        kinds = ["1", "1979-05-27 07:32:00", '"]#\\""', "'},'", '"""\n]"\n"""', "'''\n['''"]
        kind = draw(st.sampled_from(["list", "table", *kinds] if depth < 3 else kinds))
        if kind == "list":
            put("[")
            for index in range(draw(st.integers(0, 3))):
                put(gap(inside=True))
                found[(*place, index)] = len(lines)
                value((*place, index), depth + 1)
                put(gap(inside=True) + ",")
            put(gap(inside=True) + "]")
        elif kind == "table":
            put("{")
            chosen = draw(st.lists(keys, max_size=3, unique=True))
            for number, key in enumerate(chosen):
                put((", " if number else " ") + gap(inside=False))
                pair(place, key, depth + 1)
            put(" }")
        else:
            put(kind)

    def pair(place: Place, key: str, depth: int) -> None:
        inner = (*place, key.strip("\"'"))
        found[inner] = len(lines)
        put(f"{key}{gap(inside=False)}={gap(inside=False)}")
        value(inner, depth)

    for number in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            lines.append("[[layers]]")
            place: Place = ("layers", sum(line == "[[layers]]" for line in lines) - 1)
        else:
            lines.append(f"[top{number} . x]")
            place = (f"top{number}", "x")
        found[place] = len(lines)
        for key in draw(st.lists(keys, max_size=3, unique=True)):
            lines.append("")
            pair(place, key, 0)
    return "\n".join(lines), found


@given(written())
def test_every_value_has_its_line(case: tuple[str, dict[Place, int]]) -> None:
    text, lines = case
    tomllib.loads(text)
    found = places(text)
    assert {place: found[place] for place in lines} == lines


# The schema.


def tables(schema: Any) -> list[dict[str, Any]]:
    """Every part of a schema that describes a table with keys of its own."""
    found = []
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            found.append(schema)
        for part in schema.values():
            found += tables(part)
    elif isinstance(schema, list):
        for part in schema:
            found += tables(part)
    return found


def test_the_schema_knows_every_operation_and_no_other() -> None:
    known = spec.schema()["$defs"]["layers"]["items"]["oneOf"]
    kinds = {one["required"][0] for one in known if "required" in one}
    assert kinds == {*spec._OPERATIONS, "layer", "repeat"}


def test_every_table_of_the_schema_is_closed_and_told() -> None:
    for table in tables(spec.schema()):
        assert table.get("description") or table.get("title") or "name" in table["properties"]
        closed = table.get("additionalProperties") is False
        assert closed or table["properties"].keys() == {"kind"}
    assert spec.schema()["$schema"].startswith("https://json-schema.org/draft/2020-12")


WORDS = {
    *("$schema", "$defs", "$ref", "title", "description", "type", "properties", "required"),
    *("additionalProperties", "items", "oneOf", "enum", "minItems", "maxItems"),
    *("minLength", "maxLength", "minimum", "maximum"),
}


def test_the_schema_says_nothing_that_the_reader_passes_over() -> None:
    def words(part: Any, *, named: bool) -> set[str]:
        if isinstance(part, list):
            return set().union(*[words(one, named=False) for one in part])
        if not isinstance(part, dict):
            return set()
        inner = [
            words(one, named=key in ("properties", "$defs") and not named)
            for key, one in part.items()
        ]
        return set().union(set() if named else part.keys(), *inner)

    assert words(spec.schema(), named=False) <= WORDS


VALUES = st.recursive(
    st.sampled_from(["nn.ReLU()", "input", "x", "", 0, 1, 2, 5, True, 1.5]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "a"]), inner)
    ),
    max_leaves=4,
)
KEYS = [
    *("name", "from", "layer", "add", "multiply", "concat", "axis", "crop_to", "pad_to", "crops"),
    *("resize_to", "mode", "transpose_to", "where", "unflatten", "repeat", "layers", "other"),
]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_the_reader_and_the_schema_agree(item: dict[str, Any]) -> None:
    """A reading of the schema by its letter: exactly one alternative of oneOf has to fit."""
    schema = spec.schema()

    def fits(value: Any, part: dict[str, Any]) -> bool:
        if "$ref" in part:
            return fits(value, schema["$defs"][part["$ref"].split("/")[-1]])
        if "oneOf" in part:
            return sum(fits(value, one) for one in part["oneOf"]) == 1
        if "enum" in part:
            return value in part["enum"]
        kind = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
        if kind.get(type(value)) != part["type"]:
            return False
        if isinstance(value, dict):
            known = part["properties"]
            if part.get("additionalProperties") is False and not value.keys() <= known.keys():
                return False
            inside = all(fits(one, known[key]) for key, one in value.items() if key in known)
            return inside and set(part.get("required", ())) <= value.keys()
        low, high = {
            str: ("minLength", "maxLength"),
            list: ("minItems", "maxItems"),
            int: ("minimum", "maximum"),
        }.get(type(value), ("", ""))
        number = value if isinstance(value, int) else len(value)
        if not part.get(low, number) <= number <= part.get(high, number):
            return False
        return not isinstance(value, list) or all(fits(one, part["items"]) for one in value)

    document = {"layers": ["nn.ReLU()", item]}
    said: list[str] = []

    def refuse(message: str, _place: Place, _hint: str | None) -> dc.SpecError:
        said.append(message)
        return dc.SpecError(message, where="here")

    from deconvcalc.tracing.schema import check

    if fits(document, schema):
        check(document, schema, refuse)
        assert not said
    else:
        with pytest.raises(dc.SpecError):
            check(document, schema, refuse)


def test_the_schema_is_the_file_that_is_shipped() -> None:
    file = ROOT / "deconvcalc" / "tracing" / "spec.schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == spec.schema()


def test_every_spec_in_the_documentation_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "models.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    example = (ROOT / "docs" / "examples" / "unet.toml").read_text(encoding="utf-8")
    assert blocks[0] == example
    for block in blocks:
        assert read(tmp_path, block, 64).model.outputs


def test_a_deep_spec_costs_what_its_layers_cost(tmp_path: Path) -> None:
    """Ten times the layers take no more than thirty times as long."""
    seconds = []
    for count in (300, 3000):
        text = f'layers = [{{repeat = {count}, layers = ["nn.Conv2d(8, 8, 3, padding=1)"]}}]'
        begun = time.process_time()
        found = read(tmp_path, text)
        seconds.append(time.process_time() - begun)
        assert len(found.model) == count + 1
    assert seconds[1] < 30 * max(seconds[0], 0.05)


def test_a_chain_in_a_spec_is_the_chain_alone(tmp_path: Path) -> None:
    chain = "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))"
    inside = read(tmp_path, f'layers = [{{name = "x", layer = "{chain}"}}]').model
    alone = pasted(chain).paths[0].model
    assert [f"x.{node.name}" for node in alone][1:] == [node.name for node in inside][1:]
    assert [node.operation for node in alone] == [node.operation for node in inside]

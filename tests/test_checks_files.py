"""Files of checks: what they say, what they may not say, and what a stranger's file cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deconvcalc import assertions
from deconvcalc.assertions import KINDS, Options, Spec, read, run
from deconvcalc.assertions.spec import MOST_BYTES, found_in
from deconvcalc.errors import CheckError, SpecError

UP = '[[check]]\nname = "up"\nlayer = "nn.ConvTranspose2d(64, 32, 6, stride=2)"\n'
DOCS = Path(__file__).resolve().parents[1] / "docs"


def written(folder: Path, text: str, name: str = "deconvcalc.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def states(spec: Spec, options: Options | None = None) -> list[str]:
    return [one.run(options).state for one in spec.checks]


# What files say.


def test_a_table_makes_a_check_for_each_thing_and_each_input(tmp_path: Path) -> None:
    text = UP + (
        "sizes = [\n"
        "  {input = 28, output = 60},\n"
        '  {input = "28x30", output = [60, 64]},\n'
        "]\n"
        "output_channels = 32\n"
        'verify = ["numpy"]\n'
        'inputs = "n >= 1"\n'
        'output = "2*n + 4"\n'
        "max_macs = 10**9\n".replace("10**9", "1_000_000_000")
    )
    spec = read(written(tmp_path, text))
    assert [(check.name, check.kind.name) for check in spec.checks] == [
        ("up: output at 28", "output"),
        ("up: output at 28x30", "output"),
        ("up: output_for_all", "output_for_all"),
        ("up: output_channels at 28", "output_channels"),
        ("up: output_channels at 28x30", "output_channels"),
        ("up: max_macs at 28", "max_macs"),
        ("up: max_macs at 28x30", "max_macs"),
        ("up: verify at 28", "verify"),
        ("up: verify at 28x30", "verify"),
    ]
    lines = [int(check.where.rpartition(":")[2]) for check in spec.checks]
    assert lines == [5, 6, 11, 8, 8, 12, 12, 9, 9]
    assert states(spec) == ["passed"] * 9
    assert len({id(check.source) for check in spec.checks}) == 1


def test_all_ways_to_say_a_model_and_an_input(tmp_path: Path) -> None:
    written(tmp_path, 'layers = ["nn.MaxPool2d(2)"]\n', "nets/half.toml")
    text = """
[[check]]
layers = ["nn.Conv2d(3, 8, 3, stride=2, padding=1)", "ConvTranspose(2, stride=2)"]
input = [27, 28]
output = "28x28"

[[check]]
code = '''nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.ReLU(),
)'''
input = {input = 28}
output = {1 = [26, 26]}

[[check]]
model = "nets/half.toml"
channels = 3
input = 9
output = 4
admissible = ["n >= 2", "n > 1"]

[[check]]
layer = "nn.Linear(8, 2)"
input = []
output = []
max_parameters = 18
"""
    spec = read(written(tmp_path, text))
    assert states(spec) == ["passed"] * 6
    assert [check.name for check in spec.checks][:2] == [
        "1: nn.Conv2d(3, 8, 3, stride=2, padding=1), ConvTranspose(2, st...",
        "2: nn.Sequential( nn.Conv2d(3, 8, 3), nn.ReLU(), )",
    ]


def test_checks_in_pyproject(tmp_path: Path) -> None:
    head = '[project]\nname = "net"\n\n'
    body = UP.replace("[[check]]", "[[tool.deconvcalc.check]]") + "input = 28\noutput = 61\n"
    path = written(tmp_path, head + body, "pyproject.toml")
    (check,) = read(path).checks
    assert check.where.endswith("pyproject.toml:8")
    assert check.run().state == "failed"
    assert found_in(tmp_path) == (path,)
    own = written(tmp_path, UP + "input = 28\noutput = 60\n")
    assert found_in(tmp_path) == (own, path)
    written(tmp_path, head, "pyproject.toml")
    assert found_in(tmp_path) == (own,)
    with pytest.raises(SpecError, match=r"there is no \[tool.deconvcalc\]"):
        read(path)


def test_verify_of_the_file_counts_for_every_check_with_an_input(tmp_path: Path) -> None:
    text = 'verify = ["numpy"]\n' + UP + "input = 28\noutput = 60\n"
    path = written(tmp_path, text)
    assert [check.kind.name for check in read(path).checks] == ["output", "verify"]
    assert [check.kind.name for check in read(path, Options(())).checks] == ["output"]
    (_, verify) = read(path, Options(("torch", "numpy"))).checks
    assert verify.value == ["torch", "numpy"]
    alone = written(tmp_path, UP + 'admits = "n > 1"\n')
    with pytest.raises(SpecError, match="nothing to verify"):
        read(alone, Options(("numpy",)))
    only = written(tmp_path, UP + 'input = 9\nverify = ["numpy"]\n')
    assert read(only, Options(())).checks == ()
    with pytest.raises(CheckError, match="there is no check to run"):
        run(read(only, Options(())))


# What files may not say.


@pytest.mark.parametrize(
    ("text", "words", "line", "hint"),
    [
        ("", "there is no check in it", None, "--init"),
        ("check = []", "there is no check in it", None, "--init"),
        ("[[checks]]\nname = 'a'", "there is no check in it", None, ""),
        (UP + "inpt = 28\noutput = 60", "unknown key 'inpt'", 4, "Did you mean input or inputs?"),
        (UP + "input = 28\noutputs = 60", "unknown key 'outputs'", 5, "Did you mean output"),
        (UP + "maximum_macs = 28", "unknown key 'maximum_macs'", 4, "max_macs"),
        ("verfy = ['numpy']\n" + UP, "unknown key 'verfy'", 1, "verify"),
        (UP, "says nothing that must hold", 1, "output"),
        (UP + "input = 28", "says nothing that must hold", 1, "admissible"),
        (UP + "output = 60", "output needs an input", 4, "input = 28"),
        (UP + "aligned = true", "aligned needs an input", 4, "input = 28"),
        (UP + "verify = ['numpy']", "verify needs an input", 4, "input = 28"),
        (UP + 'inputs = "n > 1"', "inputs needs an output in n", 4, "admits"),
        (UP + "input = 28\nsizes = [{input = 3}]\noutput = 3", "does not go with sizes", 4, "one"),
        (UP + "sizes = [{input = 3}]\noutput = 3", "stands beside each input", 5, ""),
        (UP + "sizes = [{output = 3}]", "needs input", 4, ""),
        (UP + "sizes = [{input = 3, inputs = 3}]", "unknown key 'inputs'", 4, "input"),
        (UP + "sizes = []", "from 1 to", 4, ""),
        (UP + "input = 2.5\noutput = 3", "must be", 4, ""),
        (UP + "input = 0\noutput = 3", "from 1 to", 4, ""),
        (UP + "input = true\noutput = 3", "must be", 4, ""),
        (UP + "input = 3\noutput = false", "must be", 5, ""),
        (UP + "input = 3\nmax_macs = -1", "from 0", 5, ""),
        (UP + "input = 3\nverify = ['abacus']", "one of 'numpy'", 5, ""),
        (UP + "input = 3\nassume = {Foo = 'half'}\noutput = 3", "one of 'same'", 5, ""),
        (UP + "code = 'nn.ReLU()'\ninput = 3\noutput = 3", "has layer and code", 4, "one of layer"),
        ("[[check]]\ninput = 3\noutput = 3", "does not say what it is about", 1, "layer"),
        (2 * (UP + "input = 3\noutput = 8\n"), "the name 'up' is taken, at", 7, ""),
        ("[[check]", "this is no TOML", None, "A key stands before"),
        ("a = \xff", "it is no text", None, ""),
    ],
)
def test_what_a_file_may_not_say(
    text: str, words: str, line: int | None, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "deconvcalc.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SpecError) as caught:
        read(path)
    assert words in str(caught.value)
    assert hint in str(caught.value.hint or "")
    where = f"deconvcalc.toml:{line}" if line else "deconvcalc.toml"
    assert caught.value.where.endswith(where)


def test_one_bad_check_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = UP.replace('"up"', '"bad"').replace("stride=2", "strde=2") + "input = 28\noutput = 60\n"
    spec = read(written(tmp_path, UP + "input = 28\noutput = 60\n" + bad))
    assert states(spec) == ["passed", "error"]
    report = run(spec)
    assert report.exit_code == 2
    assert report.outcomes[1].fault == "unreadable"
    assert "^" in report.outcomes[1].text()


# The schema.


def test_the_published_schemas_are_those_of_the_code() -> None:
    for name, made in (
        ("deconvcalc.schema.json", assertions.schema()),
        ("check-report.schema.json", assertions.report_schema()),
    ):
        published = json.loads((DOCS / "reference" / name).read_text(encoding="utf-8"))
        assert published == made, "run python -m docs.generate"


def test_every_kind_has_its_key_in_the_schema() -> None:
    keys = assertions.schema()["$defs"]["check"]["properties"]
    for kind in KINDS.values():
        assert kind.key in keys
        assert keys[kind.key]["description"]


def test_the_schema_and_the_reader_agree(tmp_path: Path) -> None:
    import tomllib

    import jsonschema

    validator = jsonschema.Draft202012Validator(assertions.schema())
    good = [
        UP + "input = 28\noutput = 60\n",
        UP + "sizes = [{input = {input = [28, 30]}, output = {0 = '60x64'}}]\n",
        UP + 'inputs = ["n > 1", "n > 2"]\noutput = ["2*n + 4", "2*n+4"]\n',
        UP + 'input = 28\nstride = "1/2"\nfield = {0 = [3, "all"]}\n',
        UP + 'admits = {h = "n > 1", w = "n > 1"}\n',
        UP + 'channels = {input = 3}\nassume = {Foo = "same"}\ncheckerboard = false\n',
    ]
    bad = [
        UP + "input = 28\noutput = 60.5\n",
        UP + "input = [28, '30']\noutput = 60\n",
        UP + "input = 28\noutput = {0 = {a = 1}}\n",
        UP + "checkerboard = 1\n",
        UP + "admits = 3\n",
        UP + "nodes = {a = 3}\n",
        "verify = []\n" + UP + "admits = 'n > 1'\n",
    ]
    for text in good:
        validator.validate(tomllib.loads(text))
        read(written(tmp_path, text))
    for text in bad:
        assert not validator.is_valid(tomllib.loads(text)), text
        with pytest.raises(SpecError):
            read(written(tmp_path, text))


# A file of a stranger.

MODEL = (
    "import pathlib\npathlib.Path('ran').touch()\nimport deconvcalc as dc\nnet = [dc.MaxPool(2)]\n"
)


def test_no_code_runs_unless_a_model_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("net_of_a_stranger", "json", "torch", "numpy", "conftest", "sitecustomize"):
        written(tmp_path, MODEL, f"{name}.py")
    text = UP + "input = 28\noutput = 60\n"
    text += (
        '[[check]]\nname = "pasted"\ncode = "nn.Sequential(__import__(\'net_of_a_stranger\'))"\n'
    )
    text += "input = 3\noutput = 3\n"
    text += '[[check]]\nname = "named"\nmodel = "net_of_a_stranger:net"\ninput = 9\noutput = 4\n'
    path = written(tmp_path, text)
    spec = read(path)
    assert [one.state for one in run(spec, select=["up", "pasted"]).outcomes] == ["passed", "error"]
    found = run(spec, select=["named"], options=Options(no_import=True)).outcomes[0]
    assert (found.state, found.fault, found.exit_code) == ("error", "forbidden", 2)
    assert "--no-import" in found.got
    shared = run(spec, jobs=2, options=Options(no_import=True))
    assert [one.state for one in shared.outcomes] == ["passed", "error", "error"]
    assert not (tmp_path / "ran").exists()
    assert run(spec, select=["named"])
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("way", ["up", "absolute", "link", "linked folder", "link to itself"])
def test_models_stay_inside_the_project(way: str, tmp_path: Path) -> None:
    outside = written(tmp_path, 'layers = ["nn.MaxPool2d(2)"]\n', "elsewhere/half.toml")
    project = tmp_path / "project"
    written(project, "", "pyproject.toml")
    name = {
        "up": "../../elsewhere/half.toml",
        "absolute": str(outside),
        "link": "linked.toml",
        "linked folder": "folder/half.toml",
        "link to itself": "circle.toml",
    }[way]
    text = f'[[check]]\nmodel = "{name}"\nchannels = 3\ninput = 9\noutput = 4\n'
    path = written(project, text, "checks/deconvcalc.toml")
    (project / "checks" / "linked.toml").symlink_to(outside)
    (project / "checks" / "folder").symlink_to(outside.parent)
    (project / "checks" / "circle.toml").symlink_to("circle.toml")
    (check,) = read(path).checks
    found = check.run()
    assert found.state == "error", found.text()
    if way != "link to itself":
        assert found.fault == "forbidden"
        assert "outside of the project" in found.got
        (check,) = read(path, Options(outside=True)).checks
        assert check.run(Options(outside=True)).state == "passed"
    else:
        (check,) = read(path, Options(outside=True)).checks
        assert check.run(Options(outside=True)).state == "error"


def test_a_model_inside_the_project_may_stand_above_its_checks(tmp_path: Path) -> None:
    written(tmp_path, "", "pyproject.toml")
    written(tmp_path, 'layers = ["nn.MaxPool2d(2)"]\n', "nets/half.toml")
    text = '[[check]]\nmodel = "../nets/half.toml"\nchannels = 3\ninput = 9\noutput = 4\n'
    assert run(read(written(tmp_path, text, "checks/deconvcalc.toml")))


def test_a_file_of_checks_behind_a_link_out_of_the_project(tmp_path: Path) -> None:
    real = written(tmp_path, UP + "input = 28\noutput = 60\n", "elsewhere/deconvcalc.toml")
    written(tmp_path, "", "project/pyproject.toml")
    link = tmp_path / "project" / "deconvcalc.toml"
    link.symlink_to(real)
    with pytest.raises(SpecError, match="outside of the project"):
        read(link)
    assert run(read(link, Options(outside=True)))


BOUNDED = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000))
begun = time.process_time()
from deconvcalc.cli import main
try:
    main(["check", sys.argv[1], "--no-import"])
except SystemExit as end:
    code = end.code
print(code, time.process_time() - begun)
"""

HOSTILE = {
    "100 MB": b"#" * 100_000_000,
    "100 MB of checks": b"[[check]]\n" * 10_000_000,
    "deep lists": b"check = " + b"[" * 490_000,
    "deep tables": b"check = " + b"{a = " * 80_000,
    "deep keys": b"[" + b".".join([b"a"] * 240_000) + b"]",
    "a long number": b"check = " + b"9" * 490_000,
    "text without an end": b'check = """' + b'\\"""' * 110_000,
    "many quotes": b"check = " + b'"' * 490_000,
    "many tables": b"[[check]]\n" * 49_000,
    "many checks": UP.encode() + b"sizes = [" + b"{input = 1}," * 38_000 + b"]",
    "a deep condition": UP.encode() + b'admits = "' + b"(" * 9_000 + b'n > 1"',
    "deep brackets of a layer": UP.encode().replace(b"64,", b"(" * 100_000)
    + b"input = 3\noutput = 3",
    "a huge size": UP.encode() + b"input = 1000000000000000000\noutput = 3\nadmits = 'n > 10**90'",
    "many sizes": UP.encode()
    + b"admits = '"
    + b" or ".join([b"n == %d" % n for n in range(240)])
    + b"'",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_soon_and_small(name: str, tmp_path: Path) -> None:
    path = tmp_path / "deconvcalc.toml"
    path.write_bytes(HOSTILE[name])
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    code, seconds = done.stdout.split()[-2:]
    assert int(code) in (0, 1, 2), done.stdout[-500:]
    assert "Traceback" not in done.stderr
    assert float(seconds) < 5


VALUES = st.recursive(
    st.one_of(
        st.integers(-2, 300),
        st.sampled_from([10**18, 10**30, 1.5, True, False, "", "n", "28x30", "n % 2 == 0", "n//0"]),
        st.sampled_from(["nn.Conv2d(3, 8, 3)", "nn.MaxPool2d(2)", "a/b.toml", "os:path", "all"]),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["input", "output", "0", "h", "w"]), inner, max_size=3),
    ),
    max_leaves=4,
)
KEYS = st.sampled_from([*assertions.schema()["$defs"]["check"]["properties"], "inpt", "x"])
LAYERS = st.sampled_from(
    ["nn.Conv2d(3, 8, 3)", "nn.ConvTranspose2d(8, 3, 4, 2, 1)", "nn.Flatten()", "nn.Linear(4, 2)"]
)


SIZES = st.one_of(st.integers(1, 40), st.lists(st.integers(1, 40), max_size=3), st.just("28x30"))
CONDITIONS = st.sampled_from(["n % 2 == 0", "n > 3", "n < 1", "n // 0 > 1", "3 < n < 9", "n"])
FUNCTIONS = st.sampled_from(["n", "n//2", "2*n", "n*n", "n -", "28x30"])
NODES = st.sampled_from(["0", "input", "conv_1", "none"])


def _named(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, st.dictionaries(NODES, values, max_size=2))


SAID = {
    "input": SIZES,
    "output": _named(st.one_of(SIZES, FUNCTIONS)),
    "inputs": CONDITIONS,
    "sizes": st.lists(st.fixed_dictionaries({"input": SIZES, "output": SIZES}), max_size=2),
    "admissible": st.one_of(CONDITIONS, st.lists(CONDITIONS, max_size=3)),
    "admits": CONDITIONS,
    "aligned": st.booleans(),
    "checkerboard": st.booleans(),
    "max_macs": st.integers(0, 10**18),
    "field": _named(st.one_of(st.integers(0, 9), FUNCTIONS)),
    "stride": _named(st.sampled_from([1, 2, "1/2", "1/0", "all"])),
    "nodes": st.dictionaries(NODES, st.sampled_from(["Conv(3)", "Conv(", "n"]), max_size=2),
    "output_channels": _named(st.integers(1, 9)),
    "channels": st.integers(1, 9),
    "verify": st.just(["numpy"]),
}
MEANT = st.fixed_dictionaries({}, optional=SAID)
ANY = st.dictionaries(KEYS, VALUES, max_size=4)


@given(st.lists(st.tuples(LAYERS, st.one_of(MEANT, MEANT, ANY)), max_size=2))
def test_whatever_a_file_says_is_an_outcome_or_an_error_with_a_line(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    tables = []
    for layer, keys in said:
        lines = [f"{toml(key)} = {toml(value)}" for key, value in keys.items()]
        own = [] if {"layers", "code", "model", "layer", "plan"} & keys.keys() else [layer]
        tables.append("\n".join(["[[check]]", *[f"layer = {toml(one)}" for one in own], *lines]))
    options = Options(no_import=True)
    try:
        spec = read(written(folder, "\n".join(tables)), options)
    except SpecError:
        return
    for one in run(spec, options=options).outcomes:
        assert one.state in ("passed", "failed", "error")
        assert one.got
        assert str(one.where).rpartition(":")[2].isdecimal()


def toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f")


def test_a_file_at_the_limit_is_read(tmp_path: Path) -> None:
    text = UP + "input = 28\noutput = 60\n"
    filling = "#" * (MOST_BYTES - len(text))
    assert run(read(written(tmp_path, text + filling)))
    with pytest.raises(SpecError, match="larger than 500,000 bytes"):
        read(written(tmp_path, text + filling + "#"))


def test_a_folder_or_nothing_is_no_file_of_checks(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(SpecError, match="cannot be read"):
            read(path)


# Running.


def many(folder: Path, count: int = 12) -> Spec:
    tables = []
    for number in range(count):
        wrong = number % 4 == 3
        text = UP.replace('"up"', f'"up {number}"').replace("6,", f"{number + 2},")
        tables.append(f"{text}input = 9\noutput = {18 + number + wrong}\noutput_channels = 32\n")
    return read(written(folder, "\n".join(tables)))


def shown(report: Any) -> list[tuple[str, str, str]]:
    return [(one.name, one.state, one.got) for one in report.outcomes]


def test_jobs_give_the_same_outcomes_in_the_same_order(tmp_path: Path) -> None:
    spec = many(tmp_path)
    alone = run(spec)
    heard: list[str] = []
    shared = run(spec, jobs=3, told=lambda one: heard.append(one.name))
    assert shown(shared) == shown(alone)
    assert heard == [one.name for one in alone.outcomes]
    assert alone.count("failed") == 3
    assert alone.exit_code == shared.exit_code == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_fail_fast_ends_with_the_first_that_does_not_pass(jobs: int, tmp_path: Path) -> None:
    report = run(many(tmp_path), jobs=jobs, fail_fast=True)
    assert [one.state for one in report.outcomes] == ["passed"] * 6 + ["failed"]
    assert len(report.not_run) == 17
    assert report.exit_code == 1


def test_a_process_that_dies_leaves_its_checks_in_error(tmp_path: Path) -> None:
    written(tmp_path, "import os\nos._exit(7)\n", "deadly_net.py")
    text = '[[check]]\nname = "deadly"\nmodel = "deadly_net:net"\ninput = 9\noutput = 4\n'
    text += UP + "input = 28\noutput = 60\n"
    report = run(read(written(tmp_path, text)), jobs=2)
    assert [one.state for one in report.outcomes] == ["error", "passed"]
    assert "code 7" in report.outcomes[0].got


@pytest.mark.parametrize(
    ("patterns", "count"),
    [
        (["up 1"], 6),
        (["up 11*"], 2),
        (["output_channels"], 12),
        (["up [13]: output at *"], 0),
        (["up [13]: output"], 2),
        (["up 1:", "up 2:"], 4),
    ],
)
def test_a_selection_of_nothing_is_an_error(
    patterns: list[str], count: int, tmp_path: Path
) -> None:
    spec = many(tmp_path)
    if count:
        assert len(run(spec, select=patterns).outcomes) == count
    else:
        with pytest.raises(CheckError, match="none of 24 checks is selected"):
            run(spec, select=patterns)


def test_an_interruption_tells_what_is_known(tmp_path: Path) -> None:
    heard: list[Any] = []

    def told(one: Any) -> None:
        heard.append(one)
        if len(heard) == 3:
            raise KeyboardInterrupt

    report = run(many(tmp_path), told=told)
    assert len(report.outcomes) == 3
    assert len(report.not_run) == 21
    assert report.not_run[-1] == "up 11: output_channels"
    assert report.exit_code == 1
    assert not report


def test_a_class_of_a_module_is_made_with_its_arguments(tmp_path: Path) -> None:
    code = (
        "import deconvcalc as dc\n"
        "class Net:\n    pass\n"
        "def net(depth, widths=()):\n    return [dc.MaxPool(2)] * depth\n"
        "def broken():\n    raise RuntimeError('no weights')\n"
    )
    written(tmp_path, code, "nets_with_arguments.py")
    text = """
[[check]]
name = "right"
model = "nets_with_arguments:net"
arguments = {depth = 3, widths = [8, 16]}
input = 32
output = 4

[[check]]
name = "unknown argument"
model = "nets_with_arguments:net"
arguments = {deep = 3}
input = 32
output = 4

[[check]]
name = "raises"
model = "nets_with_arguments:broken"
input = 32
output = 4

[[check]]
name = "no model"
model = "nets_with_arguments:Net"
input = 32
output = 4

[[check]]
name = "no module"
model = "no_such_nets:Net"
input = 32
output = 4

[[check]]
name = "arguments of a file"
model = "unet.toml"
arguments = {depth = 3}
input = 32
output = 4
"""
    outcomes = run(read(written(tmp_path, text))).outcomes
    assert [(one.state, one.fault) for one in outcomes] == [
        ("passed", None),
        ("error", "unreadable"),
        ("error", "raised"),
        ("error", "unreadable"),
        ("error", "unreadable"),
        ("error", "unreadable"),
    ]
    assert "no weights" in outcomes[2].got
    assert "nets_with_arguments.py:7" in outcomes[2].got


TWO = """
outputs = ["both", "small"]

[[inputs]]
name = "image"
channels = 3

[[inputs]]
name = "mask"
channels = 1

[[layers]]
name = "small"
layer = "nn.MaxPool2d(2)"
from = "image"

[[layers]]
name = "both"
concat = ["small", "mask"]
"""


def test_a_model_with_several_inputs_and_outputs(tmp_path: Path) -> None:
    written(tmp_path, TWO, "two.toml")
    text = """
[[check]]
name = "by name"
model = "two.toml"
sizes = [
  {input = {image = 64, mask = 32}, output = {both = 32, small = [32, 32]}},
  {input = {image = "64x66", mask = [32, 33]}, output = {both = "32x33"}},
]

[[check]]
name = "for all"
model = "two.toml"
inputs = {h = "n % 2 == 0", w = "n > 5", "mask.h" = "n > 1", "mask.w" = "n > 1"}
output = {small = "n//2"}

[[check]]
name = "admits"
model = "two.toml"
input = {image = 64, mask = 32}
admits = {h = "n == 8", w = "8 <= n <= 9", "mask.h" = "n == 4", "mask.w" = "n == 4"}
output_channels = {both = 4}

[[check]]
name = "wrong"
model = "two.toml"
sizes = [
  {input = {image = 64, mask = 31}, output = {both = 32}},
  {input = {image = 64, mask = 32}, output = 32},
  {input = {image = 64}, output = {both = 32}},
  {input = {image = 64, mask = 32, more = 3}, output = {both = 32}},
]
admits = {h = "n == 8", w = "8 <= n <= 10", "mask.h" = "n == 4", "mask.w" = "n == 4"}
"""
    outcomes = run(read(written(tmp_path, text))).outcomes
    found = [(one.state, one.fault) for one in outcomes]
    assert found[:2] == [("passed", None)] * 2, [one.text() for one in outcomes[:2]]
    # The axes meet, and there is no end to the inputs that would have to be run one by one.
    assert found[2] == ("error", "undecided")
    assert found[3:5] == [("passed", None)] * 2, [one.text() for one in outcomes[3:5]]
    assert found[5:] == [
        ("failed", None),
        ("error", "unreadable"),
        ("error", "unreadable"),
        ("error", "unreadable"),
        ("failed", None),
    ], [one.text() for one in outcomes[5:]]
    assert "31" in outcomes[5].text()
    assert "2 outputs: name the one" in outcomes[6].got


# What would go unread.


@pytest.mark.parametrize("key", ["[[tool.deconvcalc]]", "[tool]\ndeconvcalc = 3\n[other]"])
def test_a_table_of_another_form_is_an_error_and_not_left_out(key: str, tmp_path: Path) -> None:
    path = written(tmp_path, f'{key}\nlayer = "nn.MaxPool2d(2)"\n', "pyproject.toml")
    written(tmp_path, UP + "input = 28\noutput = 60\n")
    for asked in (lambda: assertions.found_in(tmp_path), lambda: read(path)):
        with pytest.raises(SpecError, match="is no table"):
            asked()


def test_an_input_that_nothing_is_said_of_is_an_error(tmp_path: Path) -> None:
    for text in (
        "sizes = [{input = 28, output = 60}, {input = 30}]\n",
        "sizes = [{input = 28, output = 60}, {input = 30}]\nadmits = 'n > 1'\n",
        "input = 3\ninputs = 'n even'\noutput = '2*n + 4'\n",
    ):
        with pytest.raises(SpecError, match="nothing is said of the input"):
            read(written(tmp_path, UP + text))
    text = "sizes = [{input = 28, output = 60}, {input = 30}]\nstride = '1/2'\n"
    assert states(read(written(tmp_path, UP + text))) == ["passed"] * 3


def test_what_is_said_of_all_sizes_is_asked_at_each(tmp_path: Path) -> None:
    layer = '[[check]]\nlayer = "nn.ConvTranspose2d(8, 8, 3, stride=2)"\ncheckerboard = false\n'
    assert states(read(written(tmp_path, layer + "sizes = [{input = 1}, {input = 28}]\n"))) == [
        "passed",  # the places that one input is spread to overlap with no other's
        "failed",
    ]


def test_no_two_checks_of_a_file_have_one_name(tmp_path: Path) -> None:
    text = UP + "input = 28\noutput = 60\noutput_channels = 32\n"
    text += UP.replace('"up"', '"up: output"') + "input = 28\noutput = 60\n"
    names = [check.name for check in read(written(tmp_path, text)).checks]
    assert names == ["up: output", "up: output_channels", "up: output (2)"]


def test_a_file_that_only_verifies_may_be_read_without(tmp_path: Path) -> None:
    text = 'verify = ["numpy"]\n' + UP + "input = 28\n"
    assert states(read(written(tmp_path, text))) == ["passed"]
    assert read(written(tmp_path, text), Options(())).checks == ()


def test_many_files_take_no_more_processes_than_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deconvcalc.assertions import sharing

    begun: list[int] = []
    start = sharing._start

    def counted(checks: Any, options: Options) -> Any:
        begun.append(len(checks))
        return start(checks, options)

    monkeypatch.setattr(sharing, "_start", counted)
    checks: list[assertions.Check] = []
    for number in range(5):
        text = UP + f"input = 28\noutput = {60 + (number == 3)}\n"
        checks += read(written(tmp_path, text, f"{number}.toml")).checks
    report = run(checks, jobs=2)
    assert [one.state for one in report.outcomes] == ["passed"] * 3 + ["failed", "passed"]
    assert [one.where for one in report.outcomes] == [check.where for check in checks]
    assert begun == [3, 2]

"""First files of checks, for every model of the tracing tests.

Each passes, and fails when the model changes by one stride.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from deconvcalc.assertions import Spec, Subject, decide, read
from deconvcalc.assertions.first import first_file
from tests.keras_checks import NETS, PINNED
from tests.test_cli import invoke
from tests.torch_passes import NAMES, case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deconvcalc.assertions import Outcome

pytestmark = pytest.mark.framework

needs_keras = pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")
needs_onnx = pytest.mark.skipif(
    find_spec("onnx") is None or find_spec("torch") is None, reason="onnx is not installed"
)


def first(model: Any, size: Any, channels: Any, folder: Path) -> Spec:
    """The file that --init writes, read; it passes."""
    subject = Subject(model, channels=channels)
    path = folder / "deconvcalc.toml"
    text = first_file("nets:net", subject, subject.at(size), path, channels=channels)
    path.write_text(text, encoding="utf-8")
    spec = read(path)
    assert "output" in {check.kind.name for check in spec.checks}
    wrong = [found.text() for found in outcomes(spec, subject) if not found]
    assert not wrong
    return spec


def outcomes(spec: Spec, subject: Subject) -> Iterator[Outcome]:
    """What comes of the checks of a file where the model is this one."""
    for check in spec.checks:
        check.source.subject = lambda options: subject  # type: ignore[method-assign]  # noqa: ARG005
        yield check.run()


def passes(spec: Spec, model: Any, channels: Any) -> bool:
    return all(outcomes(spec, Subject(model, channels=channels)))


def faster(stride: Any) -> Any:
    if isinstance(stride, (tuple, list)):
        return type(stride)([one + 1 for one in stride])
    return stride + 1


def chosen(parts: list[Any], name: str) -> Any:
    """One of them, at another place in each model."""
    return parts[sum(name.encode()) % len(parts)]


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_first_files_of_torch_models(name: str, tmp_path: Path) -> None:
    one = case(name)
    model = one.make()
    spec = first(model, one.start, one.channels, tmp_path)
    strided = [part for part in model.modules() if getattr(part, "stride", None) is not None]
    part = chosen(strided, name)
    part.stride = faster(part.stride)
    assert not passes(spec, model, one.channels), part


KERAS: dict[str, tuple[str, list[Any], tuple[int, ...]]] = {
    **{name: (net, args, base) for name, (net, args, _, _, base) in NETS.items()},
    **PINNED,
}


@needs_keras
@pytest.mark.parametrize("name", KERAS)
def test_first_files_of_keras_models(name: str, tmp_path: Path) -> None:
    from tests.models import keras_nets

    net, args, base = KERAS[name]
    make: Callable[..., Any] = getattr(keras_nets, net)
    model = make(*args)
    spec = first(model, base, None, tmp_path)
    layer = chosen([one for one in model._flatten_layers() if hasattr(one, "strides")], name)
    layer.strides = faster(layer.strides)
    assert not passes(spec, model, None), layer.name


@needs_onnx
@pytest.mark.parametrize("name", ["unet", "padded", "resnet50", "mobilenet"])
def test_first_files_of_onnx_models(name: str, tmp_path: Path) -> None:
    import onnx

    from tests.test_tracing_onnx import exported

    model = exported(name, "old")
    spec = first(model, 64, None, tmp_path)
    strided = [
        number
        for number, node in enumerate(model.graph.node)
        if any(one.name == "strides" for one in node.attribute)
    ]
    node = chosen(strided, name)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for one in changed.graph.node[node].attribute:
        if one.name == "strides":
            one.ints[:] = faster(list(one.ints))
    assert not passes(spec, changed, None), changed.graph.node[node].name


NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, widths=(8, 4), lies=False):
        super().__init__()
        print("a model may print")
        self.down = nn.Conv2d(3, widths[0], 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(widths[0])
        self.up = nn.ConvTranspose2d(widths[0], widths[1], 4, stride=2, padding=1)
        self.lies = lies

    def forward(self, x):
        y = self.up(self.norm(self.down(x)))
        if self.lies and not x.is_meta:
            return y[..., 1:]
        return y
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_a_module_of_a_project_is_run_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net_of_a_project.py").write_text(NET, encoding="utf-8")
    arguments = ["--init", "net_of_a_project:Net", "--arg", "widths=(6, 5)", "--input", "32x40"]
    result = invoke("check", *arguments, "--verify", "torch,numpy")
    assert result.exit_code == 0, result.stdout + result.stderr
    assert "a model may print" not in result.stdout
    path = tmp_path / "deconvcalc.toml"
    text = path.read_text(encoding="utf-8")
    assert "arguments = {widths = [6, 5]}" in text
    assert "output = {up = [32, 40]}" in text
    path.write_text(text.replace("[6, 5]", "[6, 7]"), encoding="utf-8")
    assert "max_parameters" in invoke("check").stdout
    path.write_text(text.replace("[6, 5]", "[6, 5], lies = true"), encoding="utf-8")
    assert invoke("check").exit_code == 0
    result = invoke("check", "--verify", "torch")
    assert result.exit_code == 1
    assert "up: 5x32x39 comes out, not 5x32x40" in result.stdout


@needs_keras
def test_a_keras_model_is_run_itself() -> None:
    import keras

    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, strides=2)])
    assert decide("verify", model, ["keras", "numpy"], input=(28, 30)).state == "passed"
    assert decide("verify", model, ["keras"], input=2).state == "failed"

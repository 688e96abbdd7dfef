"""First files of checks, for every PyTorch model of the tracing tests.

Each passes, and fails when the model changes by one stride.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.first_files import chosen, faster, first, passes
from tests.test_cli import invoke
from tests.torch_passes import NAMES, case

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.framework


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

"""Networks of `keras.applications`: traced whole, every node as in the framework."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.frameworks.client import Worker
from tests.keras_checks import (
    SCRIPT,
    built,
    check_nodes,
    forward,
    traced,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed"),
]


@pytest.fixture(scope="module")
def keras_process() -> Iterator[Worker]:
    with Worker(SCRIPT) as process:
        yield process


APPLICATIONS = ("MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications_are_traced_whole(name: str, keras_process: Worker) -> None:
    found = traced("applications", [name], (225, 161))
    assert not found.passed
    sizes = [(97, 97), (161, 161), (225, 225)]
    answers = forward(keras_process, "applications", [name], sizes)
    for size, answer in zip(sizes, answers, strict=True):
        assert answer["ok"], answer
        check_nodes(found, answer["shapes"], size)
        assert size in found.admissible
    assert found.totals.parameters == built("applications", name).count_params()


def test_an_application_with_its_classifier_takes_one_size(keras_process: Worker) -> None:
    found = traced("applications", ["MobileNetV2", True])
    sizes = [(224, 224), (225, 224), (192, 192)]
    answers = forward(keras_process, "applications", ["MobileNetV2", True], sizes)
    check_nodes(found, answers[0]["shapes"], sizes[0])
    for size, answer in zip(sizes, answers, strict=True):
        assert answer["ok"] == found.model.run(size).runs == (size in found.admissible), size
    assert str(found.admissible) == "h = 224; w = 224"

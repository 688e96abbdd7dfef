"""The check of the promises finds each fault it is there for."""

from __future__ import annotations

import pytest

from tests.promises_check import faults, report_key

NODE = "tests/test_x.py::test_y[1]"
KEY = ("tests.test_x", "test_y[1]")


def promise(*shown_by: str, text: str = "It holds.") -> dict[str, object]:
    return {"promise": [{"name": "it", "text": text, "shown_by": list(shown_by)}]}


def test_report_key() -> None:
    assert report_key(NODE) == KEY
    assert report_key("tests/a/test_x.py::TestZ::test_y[a::b]") == (
        "tests.a.test_x.TestZ",
        "test_y[a::b]",
    )
    assert report_key("README.md::line:1,column:1") == ("README.md", "line:1,column:1")


@pytest.mark.parametrize(
    "listed", [NODE, "tests/test_x.py::test_y", "tests/test_x.py", "tests", "bench:b"]
)
def test_a_promise_that_is_shown(listed: str) -> None:
    assert not list(faults(promise(listed), [NODE], {KEY: "passed"}, {"b"}))


@pytest.mark.parametrize(
    ("document", "outcome", "fault"),
    [
        (promise("tests/test_x.py::test_"), "passed", "does not exist"),
        (promise("tests/test_empty.py"), "passed", "does not exist, or is empty"),
        (promise("bench:unheard"), "passed", "bench:unheard is unknown"),
        (promise(), "passed", "something that shows it"),
        (promise(NODE, text=" "), "passed", "needs a text"),
        (promise(NODE), "skipped", "was skipped"),
        (promise(NODE), "failed", "was failed"),
        (promise(NODE), None, "was not run"),
        (promise(NODE) | {"skips": {NODE: ""}}, "skipped", "has no reason"),
        (promise(NODE) | {"skips": {"tests/gone.py": "why"}}, "passed", "does not exist"),
    ],
)
def test_a_fault(document: dict[str, object], outcome: str | None, fault: str) -> None:
    ran = {KEY: outcome} if outcome else {}
    (found,) = faults(document, [NODE], ran, {"b"})
    assert fault in found


def test_a_skip_with_a_reason() -> None:
    document = promise(NODE) | {"skips": {"tests/test_x.py": "needs a terminal"}}
    assert not list(faults(document, [NODE], {KEY: "skipped"}, {"b"}))

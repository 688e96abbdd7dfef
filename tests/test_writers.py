"""JSON and CSV as they are written here, against the standard modules."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deconvcalc.render.writers import cell_text, csv_line, json_indented, json_line

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DATA = st.recursive(
    SCALARS,
    lambda data: st.lists(data) | st.lists(data).map(tuple) | st.dictionaries(st.text(), data),
    max_leaves=20,
)


@given(DATA)
def test_json_is_that_of_the_standard_module(value: Any) -> None:
    assert json_line(value) == json.dumps(value)
    assert json_indented(value) == json.dumps(value, indent=2)


@given(st.lists(st.none() | st.integers() | st.floats() | st.text(), min_size=1))
def test_csv_is_that_of_the_standard_module(cells: list[Any]) -> None:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    assert csv_line(cells) + "\r\n" == buffer.getvalue()


@given(st.lists(st.text(), min_size=1))
def test_csv_reads_back(cells: list[str]) -> None:
    assert list(csv.reader(StringIO(csv_line(cells), newline=""))) == [cells]


def test_cells_of_lists_and_bools() -> None:
    assert [cell_text(value) for value in (True, False, None, [3, 5], [[0, 1], [2, 2]])] == [
        "true",
        "false",
        "",
        "3x5",
        "0 1x2 2",
    ]
    assert csv_line([True, [["a,b"], ["c"]]]) == 'true,"a,bxc"'

"""What a table of answers says, before anybody decides how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.solver.answers import Answer, Answers, written
from deconvcalc.values import field_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.solver.families import Family
    from deconvcalc.solver.reasons import Reason

__all__ = ["Sheet", "families_sheet", "op_title", "reason_lines", "sheet", "shown_size"]

ROWS = 10
"""How many answers a table shows unless it is told otherwise."""

_OPS = {
    "conv_transpose": "a transposed convolution",
    "conv": "a convolution",
    "max_pool": "a max pool",
    "avg_pool": "an average pool",
    "resize_conv": "a resize and a convolution",
    "pixel_shuffle": "a pixel shuffle",
}

_LETTERS = {
    "kernel_size": "k",
    "stride": "s",
    "padding": "p",
    "output_padding": "op",
    "dilation": "d",
    "factor": "f",
}

_MEANINGS = {
    "k": "kernel size",
    "s": "stride",
    "p": "padding, (before, after) where they differ",
    "op": "output padding",
    "d": "dilation",
    "f": "how much the resize enlarges",
    "input": "all inputs that give the target",
    "taps": "how many inputs an output mixes along an axis; two numbers make a checkerboard",
    "shift": "how far pixel centres move against a plain resize, in input pixels",
}

_NOTES = {
    "holes": "some outputs see no input",
    "shifted": "pixel centres move by more than half a pixel",
    "checkerboard": "neighbouring outputs mix different numbers of inputs",
    "apart": "neighbouring inputs do not mix",
    "skips": "some inputs are in no window",
}


class Sheet:
    """A table as data: title, columns, rows as text, the meaning of each column, and hints.

    `below` goes on with the title, as lines of a label and a text.
    """

    __slots__ = ("below", "columns", "hints", "legend", "rows", "title")

    def __init__(self, title: str) -> None:
        self.title = title
        self.below: list[tuple[str, str]] = []
        self.columns: list[str] = []
        self.rows: list[list[str]] = []
        self.legend: list[tuple[str, str]] = []
        self.hints: list[tuple[str, str]] = []


def op_title(op: str) -> str:
    """An operation as a person says it."""
    return _OPS[op]


def shown_size(size: Any) -> str:
    """A size, or a set of sizes, as it is typed: 28 or 28x30."""
    return "x".join([str(axis) for axis in size]) if isinstance(size, tuple) else str(size)


def _shown(value: Any) -> str:
    """A parameter: 3, 3x4 where axes differ, (0, 1) where the sides do."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "x".join([str(item) for item in value])
    return str(value)


def sheet(
    answers: Answers,
    limit: int | None = ROWS,
    more: Sequence[tuple[str, Sequence[str]]] = (),
) -> Sheet:
    """The table of the first `limit` answers (None: all of them), with further columns."""
    bounds = _bounds(answers)
    within = f"for {bounds[0][1]}" if len(bounds) == 1 else "within these bounds"
    made = Sheet(f"{_question(answers)}: {_counted(answers)} {within}")
    made.below = bounds if len(bounds) > 1 else []
    if not answers:
        made.hints = [*reason_lines(answers.reason), *_partly(answers)]
        return made
    shown = list(answers if limit is None else answers[:limit])
    columns = _columns(answers, shown)
    made.columns = [*columns, *[name for name, _ in more]]
    for number, answer in enumerate(shown, 1):
        row = [str(number) if name == "#" else read(answer) for name, read in columns.items()]
        made.rows.append(row + [cells[number - 1] for _, cells in more])
    made.legend = [(name, _MEANINGS[name]) for name in columns if name in _MEANINGS]
    for dialect in DIALECTS.values():
        if dialect.title in columns:
            made.legend.append(
                (
                    dialect.title,
                    "how it is written there; - where no single layer has these numbers",
                )
            )
    notes = {note for answer in shown for note in _notes(answer)}
    made.legend += [(note, text) for note, text in _NOTES.items() if note in notes]
    made.hints = list(_hints(answers, shown))
    return made


def families_sheet(answers: Answers, families: Sequence[Family]) -> Sheet:
    """The table of families: for each its relation, its conditions, and how many answers it has."""
    made = Sheet(f"{_question(answers)}: {_counted(answers)}")
    if not answers:
        made.hints = reason_lines(answers.reason)
        return made
    columns: dict[str, list[str]] = {
        "layer": [family.op.replace("_", " ") for family in families],
        "mode": [f"{DIALECTS[one.dialect].title} {one.mode}" for one in families],
        "with": [family.head for family in families],
        "relation": [family.relation_text for family in families],
        "where": [family.conditions_text for family in families],
        "layers": [f"{family.count:,}" for family in families],
    }
    if len(answers.query.ops) == 1:
        del columns["layer"]
    if not any(columns["with"]):
        del columns["with"]  # all parameters are letters
    if set(columns["mode"]) <= {"PyTorch padding", "PyTorch factor"}:
        del columns["mode"]
    made.columns = list(columns)
    made.rows = [list(row) for row in zip(*columns.values(), strict=True)]
    letters = {symbol.name.partition("_")[0] for one in families for symbol in one.letters}
    letters |= {name.partition("_")[0] for family in families for name in family.fixed}
    meanings = _MEANINGS | {"r": "what the floor drops", "p": "padding", "f": "the factor"}
    made.legend = [(name, meanings[name]) for name in ("k", "s", *"pdfr", "op") if name in letters]
    if len(answers.query.groups) > 1:
        made.legend.append(("k_0, k_1", "those of axis 0, of axis 1, and so on"))
    return made


def _question(answers: Answers) -> str:
    query = answers.query
    ops = op_title(query.ops[0]) if len(query.ops) == 1 else "any operation"
    title = "any framework" if query.dialect == "any" else DIALECTS[query.dialect].title
    target = shown_size(query.targets if query.axes else query.targets[0])
    if query.sources is None:
        return f"{target} by {ops}, {title}"
    source = shown_size(query.sources if query.axes else query.sources[0])
    asked = getattr(answers, "asked", None)
    meant = (
        ""
        if asked is None
        else f", for every n with {asked.where}"
        if asked.where
        else ", for every n"
    )
    return f"{source} → {target} by {ops}, {title}{meant}"


def _counted(answers: Answers) -> str:
    if not answers:
        return "no layer"
    return f"{answers.total:,} layer{'' if answers.total == 1 else 's'}, all there are"


def _bounds(answers: Answers) -> list[tuple[str, str]]:
    """The bounds searched, as text, by operation."""
    return [
        (op_title(op).partition(" ")[2], _bounds_of(bounds, answers.query.spaces[op][0].ceil_mode))
        for op, bounds in answers.bounds.items()
    ]


def _bounds_of(bounds: dict[str, str], ceil_mode: bool) -> str:
    """The bounds of one operation in letters."""
    shown = []
    for name, text in bounds.items():
        short = text.replace("dilation*(kernel_size-1)", "d(k-1)")
        shown.append(f"{_LETTERS[name]} {short.replace('kernel_size//2', 'k//2')}")
    return ", ".join([*shown, *(["ceil_mode"] if ceil_mode else [])])


def _columns(answers: Answers, shown: list[Answer]) -> dict[str, Any]:
    """The columns that say something here, each with what reads it from an answer."""
    columns: dict[str, Any] = {"#": None}
    ops = answers.query.ops
    if len(ops) > 1:
        columns["layer"] = lambda answer: answer.op.replace("_", " ")
    if answers.query.sources is None:
        columns["input"] = lambda answer: _inputs(answer.source)
    for name in ("factor", "kernel_size", "stride", "padding", "output_padding", "dilation"):
        values = {getattr(answer, name) for answer in shown}
        dull = name == "dilation" and values <= {1, None}
        if name == "stride" and ops == ("resize_conv",):
            dull = True  # always 1
        if values != {None} and not dull:
            columns[_LETTERS[name]] = lambda answer, name=name: _shown(getattr(answer, name))
    if any(answer.op == "conv_transpose" for answer in shown):
        columns["taps"] = _taps
    columns["shift"] = lambda answer: f"{answer.shift:.2f}"
    for name, dialect in DIALECTS.items():
        # The numbers of the other columns are what PyTorch calls them.
        if (name, answers.query.dialect) != ("torch", "torch"):
            columns[dialect.title] = lambda answer, name=name: _spelled(answer, name)
    columns["notes"] = lambda answer: ", ".join(_notes(answer))
    if not any(_notes(answer) for answer in shown):
        del columns["notes"]
    return columns


def _taps(answer: Answer) -> str:
    counts = answer.taps
    axes = counts if isinstance(counts[0], tuple) else (counts,)
    return " x ".join([" ".join([str(count) for count in axis]) for axis in axes])


def _inputs(source: Any) -> str:
    axes = source if isinstance(source, tuple) else (source,)
    return " x ".join([str(axis) for axis in axes])


def _spelled(answer: Answer, dialect: str) -> str:
    arguments = answer.spelled(dialect)
    if arguments is None:
        return "-"
    shown = {n: v for n, v in arguments.items() if n not in ("kernel_size", "pool_size")}
    return written(shown) or "the defaults"


def _notes(answer: Answer) -> list[str]:
    notes = []
    if answer.holes:
        notes.append("holes")
    if not answer.aligned:
        notes.append("shifted")
    if answer.checkerboard:
        notes.append("checkerboard")
    if not answer.overlap:
        notes.append("skips" if answer.op in ("max_pool", "avg_pool") else "apart")
    return notes


def _hints(answers: Answers, shown: list[Answer]) -> Any:
    """What to do next: a choice without checkerboard, the other answers."""
    if shown and shown[0].checkerboard and answers.query.ops == ("conv_transpose",):
        yield "without checkerboard", _without_checkerboard(answers)
    rest = answers.total - len(shown)
    if rest > 0:
        yield "more", f"{rest:,} further layers: --all, or --limit N"
    yield from _partly(answers)
    yield "code", "--code torch, or --code keras"
    yield "confirm", "--verify torch,keras"


def _partly(answers: Answers) -> Iterator[tuple[str, str]]:
    """Layers that are right where they take n, if there are any."""
    if partly := getattr(answers, "partly", ()):
        answer, domain = partly[0]
        more = " more" if answers else ""
        count = f"{len(partly)}{more}" if len(partly) > 1 else f"one{more}"
        yield "some n", f"{count} where they take n, as {_layers(answer)} does for {domain}"


def _without_checkerboard(answers: Answers) -> str:
    target = answers.query.targets
    resize = shown_size(target if answers.query.axes else target[0])
    found = answers.without_checkerboard
    if found is None:
        return f"none within these bounds;  or resize to {resize} and a 3 x 3 convolution"
    number, answer = found
    parts = [
        f"{letter}={_shown(getattr(answer, name))}"
        for name, letter in _LETTERS.items()
        if getattr(answer, name) is not None and not (name == "dilation" and answer.dilation == 1)
    ]
    return f"#{number + 1:,}  {' '.join(parts)};  or resize to {resize} and a 3 x 3 convolution"


def reason_lines(reason: Reason) -> list[tuple[str, str]]:
    """Why there is no answer, as lines of a label and a text."""
    lines = [("why", reason.text)]
    below, above = (shown_size(size) for size in reason.nearest)
    if reason.nearest != (None, None):
        ends = [text for text, size in zip((below, above), reason.nearest, strict=True) if size]
        lines.append(("nearest", f"{' and '.join(ends)} can be reached within the same bounds"))
    if reason.relaxation:
        values = " and ".join(
            [f"{field_name(n)} {_shown(v)}" for n, v in reason.relaxation.items()]
        )
        lines.append(("relax", f"{values}, for example {_layers(reason.answer)}"))
    elif reason.answer is not None:
        lines.append(("elsewhere", f"--dialect any has {_layers(reason.answer)}"))
    return [*lines, ("proof", "--derive")]


def _layers(answer: Answer) -> str:
    return ", then ".join([str(layer) for layer in answer.layers])

"""Designs: the table of the best ones, the stages of one, and what is proved about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.designer.candidates import ENLARGING
from deconvcalc.designer.goals import in_order
from deconvcalc.designer.plans import NAMES
from deconvcalc.render.sheet import Sheet, shown_size
from deconvcalc.solver.query import USED
from deconvcalc.values import field_name

if TYPE_CHECKING:
    from deconvcalc.designer.designs import Designs
    from deconvcalc.designer.goals import Goal
    from deconvcalc.designer.plans import Plan, Stage

__all__ = ["described", "designs_sheet", "document", "plan_sheet", "rows", "simple", "statement"]

_UNITS = ("", "k", "M", "G", "T", "P", "E")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

_MEANINGS = {
    "params": "how many numbers it learns",
    "MACs": "multiply-accumulates for one input, a transposed convolution's on its input",
    "memory": "peak: the most bytes of a layer's input and output together, in float32",
}

_SHORT = {
    "conv_transpose": "",
    "resize_conv": "resize ",
    "pixel_shuffle": "shuffle ",
    "conv": "conv ",
    "max_pool": "max pool ",
    "avg_pool": "average pool ",
}


def described(goal: Goal) -> dict[str, str]:
    """The space of a goal: each bound and constraint, as text."""
    shown = {"stages": _span(goal.stages), "op": ", ".join(goal.ops)}
    wide = goal.bounds
    for name in ("kernel_size", "stride", "padding", "output_padding", "dilation", "factor"):
        if not any(_has(op, name, goal.direction) for op in goal.ops):
            continue
        each = [getattr(bound, name) for bound in wide]
        texts = [_default(goal, name) if one is None else str(one) for one in each]
        shown[name] = texts[0] if len(set(texts)) == 1 else " x ".join(texts)
    shown["growth"] = "any" if goal.growth is None else f"at most {_number(goal.growth)} a stage"
    shown["channels"] = str(goal.channels)
    shown |= dict(_constraints(goal))
    if len(goal.tracks) > 1 or goal.axes > 1:
        shown["axes"] = "share their parameters" if goal.shared else "each its own parameters"
    return shown


def _has(op: str, name: str, direction: str) -> bool:
    if op in ENLARGING:
        return name in ("kernel_size", "padding", "dilation", "factor")
    if op == "conv" and direction == "up" and name == "stride":
        return False
    return name in USED[op]


def _default(goal: Goal, name: str) -> str:
    if name == "output_padding":
        return "any"
    pools = all(op in ("max_pool", "avg_pool") for op in goal.ops)
    return "0..kernel_size//2" if pools else "0..dilation*(kernel_size-1)"


def _constraints(goal: Goal) -> list[tuple[str, str]]:
    made = []
    if goal.holes:
        made.append(("holes", "allowed"))
    if not goal.checkerboard:
        made.append(("checkerboard", "none"))
    if goal.aligned:
        made.append(("aligned", "within 1/2 input pixel at every stage"))
    if goal.overlap:
        made.append(("overlap", "every window longer than its stride"))
    if goal.divisors:
        made.append(("divisors", ", ".join([f"{by} divides {name}" for name, by in goal.divisors])))
    if goal.through:
        sizes = [shown_size(in_order(goal, one)) for one in goal.through]
        made.append(("through", ", ".join(sizes)))
    if goal.receptive_field:
        field = in_order(goal, goal.receptive_field)
        made.append(("receptive_field", f"at least {shown_size(field)}"))
    if goal.budgets:
        made.append(("budgets", ", ".join(map(str, goal.budgets))))
    if not goal.bias:
        made.append(("bias", "none"))
    return made


def _span(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}..{numbers[-1]}"
    return ",".join(map(str, numbers))


def _number(value: Any) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


def question(goal: Goal) -> str:
    """What was asked, in short: 7 → 224, 1 to 6 stages of transposed convolutions."""
    if goal.in_n is not None:
        sizes = f"n → {goal.in_n}, for every n"
    else:
        ends = [shown_size(in_order(goal, one)) for one in (goal.sources, goal.targets)]
        sizes = " → ".join(ends)
    ops = " or ".join([NAMES[op] for op in goal.ops])
    plural = "" if goal.stages == (1,) else "s"
    return f"{sizes}, {_span(goal.stages)} stage{plural} of {ops}"


def statement(found: Designs) -> str:
    """What is proved, in a sentence."""
    named = " and ".join([cost.name for cost in found.costs])
    count = len(found)
    if found.interrupted:
        return _cut_short(found, named)
    if not count:
        return "no design: proved within this space"
    if found.method == "enumeration":
        every = f"all {found.tried:,} designs were tried out"
        return f"the best by {named}: {every}, as this cost need not add over the stages"
    if found.is_front:
        of = "all" if found.complete else f"the first {count:,}"
        return f"{of} of the Pareto front of {named}: the exact front within this space"
    if found.complete:
        return f"all designs of this space, by {named}: proved"
    best = "the best" if count == 1 else f"the {count:,} best"
    return f"{best} by {named}: the exact optimum within this space"


def _cut_short(found: Designs, named: str) -> str:
    if found.method == "enumeration":
        return (
            f"interrupted after {found.tried:,} designs: the best of these by {named}, not proved"
        )
    known = f"{found.certain:,} of {len(found):,} proved" if len(found) else "no design found yet"
    bound = ""
    if found.bound is not None:
        least = found.bound if isinstance(found.bound, tuple) else (found.bound,)
        bound = f"; no other costs less than {' and '.join([f'{one:,}' for one in least])}"
    return f"interrupted: {known} by {named}{bound}"


def designs_sheet(found: Designs, limit: int | None = None) -> Sheet:
    """The table of designs, a line each."""
    goal = found.goal
    made = Sheet(f"{question(goal)}: {found.statement}")
    made.below = [(field_name(name), text) for name, text in found.space.items()]
    if not found:
        made.hints = _why(found)
        return made
    plans = list(found[:limit] if limit is not None else found)
    made.columns = ["#", "stages", "sizes", "design"]
    deep = any(plan.channels != (1,) * len(plan.channels) for plan in plans)
    made.columns += ["channels"] if deep else []
    made.columns += ["params", "MACs", "memory"]
    other = [cost.name for cost in found.costs if cost.function is not None or _sum(cost)]
    made.columns += other
    for i, plan in enumerate(plans, 1):
        value = found.values[i - 1]
        values = value if isinstance(value, tuple) else (value,)
        said = dict(zip([cost.name for cost in found.costs], values, strict=True))
        row = [str(i), str(len(plan)), arrow(plan), " ".join(map(short, plan.stages))]
        row += [" ".join(map(str, plan.channels))] if deep else []
        row += [amount(plan.parameters), amount(plan.macs), volume(plan.memory)]
        made.rows.append(row + [f"{said[name]:,}" for name in other])
    made.hints = _hints(found, plans)
    made.legend = [("design", _LAYERS)]
    made.legend += [(name, _MEANINGS[name]) for name in made.columns if name in _MEANINGS]
    return made


_LAYERS = "k kernel, s stride, p padding, o output padding, d dilation, × factor, of each stage"


def _sum(cost: Any) -> bool:
    """Whether a cost weighs more than one thing."""
    return sum(map(bool, cost.weights)) > 1 or any(weight > 1 for weight in cost.weights)


def _hints(found: Designs, plans: list[Plan]) -> list[tuple[str, str]]:
    goal = found.goal
    hints = []
    if len(plans) < len(found):
        hints.append(("more", f"{len(found) - len(plans):,} further designs"))
    if goal.in_n is not None:
        at = shown_size(in_order(goal, goal.at or ()))
        hints.append(("costs", f"counted at n = {at}"))
    if type(goal.channels).__name__ == "Channels":
        hints.append(("channels", "1 everywhere: --channels 512:3 halves from 512 to 3"))
    hints.append(("code", "--code torch, --code keras; confirm: --verify torch,keras"))
    return hints


def _why(found: Designs) -> list[tuple[str, str]]:
    reason = found.reason
    if reason is None:
        return []
    hints = [("reason", reason.text)]
    below, above = reason.nearest
    near = [f"{shown_size(one)}" for one in (below, above) if one is not None]
    if near:
        hints.append(("nearest", " and ".join(near)))
    for name, value in reason.relaxation.items():
        hints.append(("relax", f"{field_name(name)}: {relaxed(name, value)}"))
    others = {n: v for n, v in reason.relaxations.items() if n not in reason.relaxation}
    if others:
        each = [f"{field_name(name)} {relaxed(name, value)}" for name, value in others.items()]
        hints.append(("or", "; ".join(each)))
    if reason.plan is not None:
        hints.append(
            ("gives", f"{arrow(reason.plan)}: {', '.join(map(short, reason.plan.stages))}")
        )
    return hints


def relaxed(name: str, value: Any) -> str:
    """A relaxation as a person reads it."""
    if value is True:
        return "allowed"
    if value is False:
        return "not shared" if name == "shared" else "not asked"
    if value is None:
        return "left out"
    if isinstance(value, dict):
        return (
            ", ".join(
                [
                    f"{one} {what:,}" if isinstance(what, int) else f"{one} {what}"
                    for one, what in value.items()
                ]
            )
            or "left out"
        )
    if isinstance(value, (list, tuple)):
        return ", ".join([shown_size(one) for one in value]) or "left out"
    return str(value)


def arrow(plan: Plan) -> str:
    """The sizes of a plan: 7→14→28."""
    return "→".join([shown_size(size) for size in plan.sizes])


def short(stage: Stage) -> str:
    """A stage in a few letters: k4s2p1."""
    made = _SHORT[stage.op]
    if stage.op in ENLARGING:
        made += f"×{_each(stage.factor)}"
    made += f"k{_each(stage.kernel_size)}"
    if stage.op not in ENLARGING and stage.stride != 1:
        made += f"s{_each(stage.stride)}"
    for letter, name, plain in (
        ("p", "padding", 0),
        ("o", "output_padding", 0),
        ("d", "dilation", 1),
    ):
        value = getattr(stage, name)
        if value != plain:
            made += f"{letter}{_each(value)}"
    return made.replace(" ", "-")


def _each(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def plan_sheet(plan: Plan) -> Sheet:
    """The stages of a plan, a line each."""
    every = "" if plan.in_n is None else f", n → {plan.in_n} for every n"
    made = Sheet(
        f"{arrow(plan)}{every}: {amount(plan.parameters)} parameters, {amount(plan.macs)} MACs, "
        f"{volume(plan.memory)} at the peak"
    )
    made.columns = ["#", "stage", "size", "channels", "params", "MACs", "memory"]
    for i, stage in enumerate(plan.stages, 1):
        size = stage.target[0] if len(set(stage.target)) == 1 and plan.plain else stage.target
        made.rows.append(
            [
                str(i),
                stage.text,
                shown_size(size),
                str(stage.channels[1]),
                amount(stage.parameters),
                amount(stage.macs),
                volume(stage.memory),
            ]
        )
    made.legend = [(name, _MEANINGS[name]) for name in made.columns if name in _MEANINGS]
    return made


def amount(number: int) -> str:
    """A number in three or four digits: 942, 4.32 M."""
    value, unit = float(number), 0
    if number < 10_000:
        return f"{number:,}"
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def volume(number: int) -> str:
    """Bytes: 21.1 KiB."""
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_BYTES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number:,} B" if not unit else f"{value:.3g} {_BYTES[unit]}"


def document(found: Designs, schema: int, query: dict[str, Any]) -> dict[str, Any]:
    """The designs as one JSON document."""
    return {"schema": schema, "query": query, **found.to_record()}


def simple(value: Any) -> Any:
    """An argument of a question as plain data."""
    if isinstance(value, range):
        return list(value) if len(value) < 100 else str(value)
    if isinstance(value, (list, tuple)):
        return [simple(one) for one in value]
    if isinstance(value, dict):
        return {name: simple(one) for name, one in value.items()}
    if isinstance(value, (int, float, str)):
        return value
    return float(value)


def rows(found: Designs) -> list[dict[str, Any]]:
    """The designs for CSV, a line each."""
    made = []
    for number, (plan, value) in enumerate(zip(found, found.values, strict=True), 1):
        values = value if isinstance(value, tuple) else (value,)
        row: dict[str, Any] = {"number": number, "stages": len(plan)}
        row["sizes"] = " ".join([shown_size(size) for size in plan.sizes])
        row["layers"] = "; ".join([stage.text for stage in plan.stages])
        row["channels"] = " ".join(map(str, plan.channels))
        row |= {"parameters": plan.parameters, "macs": plan.macs, "memory": plan.memory}
        row |= {f"cost {cost.name}": one for cost, one in zip(found.costs, values, strict=True)}
        made.append(row)
    return made

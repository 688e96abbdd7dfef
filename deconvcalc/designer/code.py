"""A plan as code: a `torch.nn.Module`, or a function that makes a Keras model."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING

from deconvcalc.errors import ConversionError, QueryError
from deconvcalc.layers import PixelShuffle
from deconvcalc.translation import channels_of, convert
from deconvcalc.translation.code import call_text

if TYPE_CHECKING:
    from deconvcalc.designer.plans import Plan, Stage
    from deconvcalc.translation import Conversion

__all__ = ["written"]

WIDTH = 88


def written(plan: Plan, framework: str, name: str | None) -> str:
    """See `Plan.code`."""
    if framework not in ("torch", "keras"):
        raise QueryError(
            f"code is written for torch or keras, not for {framework!r}",
            rule="framework",
            hint='Give "torch" or "keras".',
        )
    shrinks = plan.stages[-1].target < plan.stages[0].source
    kind = "Encoder" if shrinks else "Decoder"
    if name is None:
        name = kind if framework == "torch" else f"make_{kind.lower()}"
    if not isinstance(name, str):
        raise TypeError(f"name must be text, not {name!r}")
    if not name.isidentifier() or iskeyword(name):
        raise QueryError(f"{name!r} is no name in Python", rule="name", hint="Give another name.")
    lines = _torch(plan, name) if framework == "torch" else _keras(plan, name)
    return "\n".join(lines)


def _torch(plan: Plan, name: str) -> list[str]:
    made = [
        "from torch import nn",
        "",
        "",
        f"class {name}(nn.Module):",
        f'    """{_title(plan)}."""',
        "",
        "    def __init__(self):",
        "        super().__init__()",
        "        self.layers = nn.Sequential(",
    ]
    for number, stage in enumerate(plan.stages, 1):
        made += _calls("torch", plan, number, stage, 12, fixed=plan.in_n is None)
    return [*made, "        )", "", "    def forward(self, x):", "        return self.layers(x)"]


def _keras(plan: Plan, name: str) -> list[str]:
    fixed = plan.in_n is None or _needs_size(plan)
    size = [str(n) for n in plan.stages[0].source] if fixed else ["None"] * plan.axes
    shape = ", ".join([*size, str(plan.channels[0])])
    made = [
        "import keras",
        "",
        "",
        f"def {name}():",
        f'    """{_title(plan)}."""',
        "    return keras.Sequential(",
        "        [",
        f"            keras.Input(({shape})),",
    ]
    for number, stage in enumerate(plan.stages, 1):
        made += _calls("keras", plan, number, stage, 12, fixed=fixed)
    return [*made, "        ]", "    )"]


def _needs_size(plan: Plan) -> bool:
    """Whether Keras needs to know the size of some stage: then the model is for one size."""
    return any(not convert(layer, to="keras") for layer in plan.layers)


def _title(plan: Plan) -> str:
    sizes = " -> ".join([_size(size) for size in (plan.stages[0].source, plan.stages[-1].target)])
    every = "" if plan.in_n is None else f", n -> {plan.in_n} for every n"
    first, last = plan.channels[0], plan.channels[-1]
    return f"{sizes}{every}, {first} -> {last} channels, {plan.parameters:,} parameters"


def _size(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def _calls(
    framework: str, plan: Plan, number: int, stage: Stage, indent: int, *, fixed: bool
) -> list[str]:
    """The calls of a stage, a comment with its sizes before them."""
    space = " " * indent
    made = [f"{space}# stage {number}: {_size(stage.source)} -> {_size(stage.target)}"]
    deep = stage.channels[0]
    size = stage.source
    for layer in stage.layers:
        inputs = deep
        outputs = getattr(layer, "out_channels", None) or inputs
        if isinstance(layer, PixelShuffle):
            inputs, outputs = channels_of(layer, (inputs, inputs), plan.axes)
        conversion = convert(layer, to=framework, size=size if fixed else None)
        _check(conversion, framework, stage)
        for step in conversion.steps:
            text = call_text(framework, step, (inputs, outputs))
            if indent + len(text) + 1 > WIDTH:
                head, _, rest = text.partition("(")
                made += [f"{space}{head}(", f"{space}    {rest[:-1]}", f"{space}),"]
            else:
                made.append(f"{space}{text},")
        size, deep = layer.output_size(size), outputs
    return made


def _check(conversion: Conversion, framework: str, stage: Stage) -> None:
    """Refuse what has no layers there, or only some with other numbers of weights."""
    title = "PyTorch" if framework == "torch" else "Keras"
    if not conversion:
        raise ConversionError(f"{stage.text}: {conversion.reason}", hint=conversion.hint)
    if any(weight.zeros for step in conversion.steps for weight in step.weights):
        raise ConversionError(
            f"{title} has no layer with as many weights as {stage.text}",
            hint="It needs a larger kernel with zeros in it: dc.convert writes that.",
        )

"""Strategies of hypothesis: sizes, layers and models, for properties of code that takes them.

hypothesis is imported when one of them is asked for. Without it they raise an `ImportError` that
says what to install.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.values import LARGEST, MOST_AXES, integer

if TYPE_CHECKING:
    from types import ModuleType

    from hypothesis.strategies import SearchStrategy

    from deconvcalc.layers import Layer
    from deconvcalc.model import Model
    from deconvcalc.sets import Sizes

__all__ = ["layers", "models", "sizes"]

MOST = 256
"""The largest size that is drawn, unless told otherwise."""


def sizes(
    within: Any = None, *, axes: int | None = None, most: int = MOST
) -> SearchStrategy[int] | SearchStrategy[tuple[int, ...]]:
    """Spatial sizes in pixels.

    Args:
        within: which ones: a condition on n as text, such as "n % 32 == 0"; a `Sizes`; or what
            says which inputs it runs on: an `Admissible`, a `Model` or a `Trace`. None for any.
        axes: how many sizes a tuple has; None for a single int. What a model admits has its own.
        most: the largest size that is drawn.

    Returns:
        A strategy of ints, or of tuples of one int per axis. It shrinks to the smallest sizes.

    Raises:
        ImportError: hypothesis is not installed.
        QueryError: no size up to `most` is within; a number of axes that there is not.
        NotationError: text that is no condition.
        TypeError: a wrong type.

    >>> import deconvcalc as dc
    >>> strategy = dc.testing.strategies.sizes("n % 32 == 0", axes=2)
    >>> from hypothesis import find
    >>> find(strategy, lambda size: size[0] > 40)
    (64, 32)
    """
    drawing = _drawing()
    number = integer(most)
    if number is None:
        raise TypeError(f"most must be an int, not {most!r}")
    if not 1 <= number <= LARGEST:
        raise QueryError(f"most must be from 1 to {LARGEST}, not {number}", rule="most")
    admitted = getattr(within, "admissible", within)  # of a trace, or a method of a model
    admitted = admitted() if callable(admitted) else admitted
    if hasattr(admitted, "regions"):
        return _inputs(drawing, admitted, axes, number)
    held = _held(admitted)
    if not held.count(1, number):
        raise QueryError(
            f"no size up to {number} is in: {held}",
            rule="within",
            hint="Give a larger most.",
        )
    one: SearchStrategy[int] = drawing.members(held, number)
    if axes is None:
        return one
    return drawing.st.tuples(*[one] * _axes(axes))  # type: ignore[no-any-return]


def layers(
    *kinds: str, axes: int = 2, takes: Any = None, most: int | None = None
) -> SearchStrategy[Layer]:
    """Layers of the library, of every kind and with every kind of padding.

    Args:
        kinds: names of classes, such as "Conv" and "MaxPool"; none for all that treat each axis by
            itself. Those that join axes ("Flatten", "Dense", "Reshape", "Unfold", "Fold") are drawn
            where they are named.
        axes: how many axes they work on, 1 to 3.
        takes: a size, an int or one per axis, that they have to accept.
        most: the largest parameter, such as a kernel or a stride; by default they stay small.

    Returns:
        A strategy of layers.

    Raises:
        ImportError: hypothesis is not installed.
        QueryError: an unknown kind, or a number of axes that there is not.

    >>> import deconvcalc as dc
    >>> from hypothesis import find
    >>> strategy = dc.testing.strategies.layers("MaxPool", "Conv", takes=28)
    >>> pool = find(strategy, lambda layer: isinstance(layer, dc.MaxPool) and layer.ceil_mode)
    >>> pool.kernel_size, pool.accepts(28)
    (1, True)
    """
    drawing = _drawing()
    found: SearchStrategy[Layer] = drawing.one_of(_kinds(drawing, kinds), _axes(axes), most)
    if takes is None:
        return found
    return found.filter(lambda layer: _takes(layer, takes))


def models(*kinds: str, axes: int = 2, most: int = 6) -> SearchStrategy[Model]:
    """Models with one input: layers, and merges of branches that may or may not fit.

    Args:
        kinds: which layers they are made of; by default as `layers` has it.
        axes: how many spatial axes the input has, 1 to 3.
        most: how many layers and merges there are at most.

    Returns:
        A strategy of `Model`. It shrinks to short chains. Which inputs they run on is for them to
        say: some run on none.

    Raises:
        ImportError: hypothesis is not installed.
        QueryError: an unknown kind, or a number that is too small or too large.

    >>> import deconvcalc as dc
    >>> from hypothesis import find
    >>> model = find(dc.testing.strategies.models("MaxPool", axes=1), lambda model: len(model) > 2)
    >>> [node.name for node in model]
    ['input', 'maxpool_1', 'maxpool_2']
    """
    drawing = _drawing()
    number = integer(most)
    if number is None or number < 1:
        raise QueryError(f"most must be an int of at least 1, not {most!r}", rule="most")
    found: SearchStrategy[Model] = drawing.models(_kinds(drawing, kinds), _axes(axes), number)
    return found


def _drawing() -> ModuleType:
    """What draws, with hypothesis behind it."""
    try:
        import hypothesis  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError(
            "deconvcalc.testing.strategies needs hypothesis: pip install hypothesis",
            name=error.name,
        ) from None
    from deconvcalc.testing import drawing

    return drawing


def _axes(axes: Any) -> int:
    number = integer(axes)
    if number is None or not 1 <= number <= MOST_AXES:
        raise QueryError(f"axes must be an int from 1 to {MOST_AXES}, not {axes!r}", rule="axes")
    return number


def _kinds(drawing: ModuleType, kinds: tuple[str, ...]) -> tuple[str, ...]:
    from deconvcalc.notation import nearest

    known = [*drawing.SINGLE, *drawing.COUPLING]
    for kind in kinds:
        if kind not in known:
            raise QueryError(
                f"there is no kind of layer {kind!r}", rule="kinds", hint=nearest(str(kind), known)
            )
    return kinds or tuple(drawing.SINGLE)


def _takes(layer: Layer, size: Any) -> bool:
    from deconvcalc.errors import SizeError

    try:
        return bool(layer.accepts(size))
    except SizeError:  # one size, for a layer whose axes differ
        return False


def _held(within: Any) -> Sizes:
    """The sizes that are meant."""
    from deconvcalc.assertions.conditions import sizes_where
    from deconvcalc.sets import Sizes

    if within is None:
        return Sizes.all()
    if isinstance(within, Sizes):
        return within
    if not isinstance(within, str):
        raise TypeError(
            f"within is a condition as text, a Sizes, or what a model admits, not {within!r}"
        )
    return sizes_where(within)


def _inputs(
    drawing: ModuleType, admitted: Any, axes: int | None, most: int
) -> SearchStrategy[tuple[int, ...]]:
    if axes not in (None, len(admitted.variables)):
        raise QueryError(
            f"the model has the axes {', '.join(admitted.variables)}, not {axes} of them",
            rule="axes",
            hint="Leave axes out.",
        )
    found: SearchStrategy[tuple[int, ...]] = drawing.inputs(admitted, most)
    if found.is_empty:
        raise QueryError(
            f"no input of sizes up to {most} is admissible: {admitted}",
            rule="within",
            hint="Give a larger most.",
        )
    return found

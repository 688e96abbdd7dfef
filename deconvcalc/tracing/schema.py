"""Plain data held to a JSON schema, with errors that name the key, its place and the nearest key.

It knows the words of JSON Schema that `spec.schema.json` is written in, and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.notation import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.tracing.lines import Place

    Refuse = Callable[[str, Place, str | None], Exception]
    """Makes an error of a message, a place and a hint."""

    Schema = dict[str, Any]

__all__ = ["check"]

_TYPES: dict[str, tuple[Any, str]] = {
    "string": (str, "text"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "array": (list, "a list"),
    "object": (dict, "a table"),
}


def check(value: Any, schema: Schema, refuse: Refuse, whole: str = "the model") -> None:
    """Hold a value to a schema.

    Args:
        value: what was read.
        schema: the schema, with its `$defs`.
        refuse: makes the error to raise, of a message, a place and a hint.
        whole: what the whole of it is called.
    """
    _Checker(schema.get("$defs", {}), refuse, whole).check(value, schema, ())


class _Checker:
    """Holds values to parts of one schema."""

    def __init__(self, parts: dict[str, Schema], refuse: Refuse, whole: str) -> None:
        self.parts, self.refuse, self.whole = parts, refuse, whole

    def called(self, place: Place) -> str:
        """A place as it reads: layers[3].name."""
        return "".join(_steps(place)) or self.whole

    def of(self, schema: Schema) -> Schema:
        """A schema, where it is named by a reference."""
        if "$ref" in schema:
            return self.parts[schema["$ref"].rpartition("/")[2]]
        return schema

    def check(self, value: Any, schema: Schema, place: Place) -> None:
        """Hold one value to its schema."""
        schema = self.of(schema)
        others: list[Schema] = []
        if "oneOf" in schema:
            others = [self.of(one) for one in schema["oneOf"]]
            others = [one for one in others if _is(value, one["type"])] or others
            schema = self.chosen(value, others, place)
        if "enum" in schema:
            if value not in schema["enum"]:
                raise self.wrong(place, "one of " + ", ".join(map(repr, schema["enum"])), value)
            return
        if not _is(value, schema["type"]):
            raise self.wrong(place, _TYPES[schema["type"]][1], value)
        if isinstance(value, dict):
            self.table(value, schema, place, others)
        elif isinstance(value, int):
            self.bounds(value, schema, ("minimum", "maximum"), "", place)
        elif isinstance(value, str):
            self.bounds(len(value), schema, ("minLength", "maxLength"), "characters", place)
        else:
            self.bounds(len(value), schema, ("minItems", "maxItems"), "elements", place)
            for index, item in enumerate(value):
                self.check(item, schema["items"], (*place, index))

    def bounds(
        self, number: int, schema: Schema, ends: tuple[str, str], what: str, place: Place
    ) -> None:
        """Hold a number to its bounds."""
        low, high = [schema.get(end) for end in ends]
        if (low is None or number >= low) and (high is None or number <= high):
            return
        need = f"at least {low}" if high is None else f"from {low or 0:,} to {high:,}"
        shown = f"{number:,}" if abs(number) < 10**30 else "a very large number"
        name = self.called(place)
        if what:
            raise self.refuse(f"{name} has {shown} {what}, and {need} are possible", place, None)
        raise self.refuse(f"{name} must be {need}, not {shown}", place, None)

    def table(
        self, value: dict[str, Any], schema: Schema, place: Place, elsewhere: list[Schema]
    ) -> None:
        """Hold a table to the keys that it may have, and that it needs."""
        known = schema["properties"]
        for key, one in value.items():
            others = schema.get("additionalProperties", True)
            if key in known:
                self.check(one, known[key], (*place, key))
            elif others is False:
                raise self.unknown(key, known, place, elsewhere, schema)
            elif isinstance(others, dict):
                self.check(one, others, (*place, key))
        for key in schema.get("required", ()):
            if key not in value:
                raise self.refuse(f"{self.called(place)} needs {key}", place, None)

    def chosen(self, value: Any, schemas: list[Schema], place: Place) -> Schema:
        """The alternative that a value means: by its type; for a table by the keys that it has."""
        if not _is(value, schemas[0]["type"]):
            kinds = dict.fromkeys([_TYPES[one["type"]][1] for one in schemas])
            raise self.wrong(place, " or ".join(kinds), value)
        if len(schemas) == 1:
            return schemas[0]
        meant = [one for one in schemas if all(key in value for key in one["required"])]
        if meant:
            return max(meant, key=lambda one: sum([key in one["properties"] for key in value]))
        kinds = dict.fromkeys([one["required"][0] for one in schemas])
        for key in value:
            if not any(key in one["properties"] for one in schemas):
                keys = dict.fromkeys(
                    [*kinds, *[name for one in schemas for name in one["properties"]]]
                )
                raise self.strange(key, list(keys), place)
        hint = f"It needs one of {', '.join(kinds)}."
        raise self.refuse(f"{self.called(place)} does not say what it does", place, hint)

    def unknown(
        self,
        key: str,
        known: dict[str, Any],
        place: Place,
        elsewhere: list[Schema],
        schema: Schema,
    ) -> Exception:
        """The error of a key that a table does not have."""
        if any(key in one["properties"] for one in elsewhere):
            with_it = schema["required"][0]
            return self.refuse(
                f"{self.called(place)}: {key} does not go with {with_it}",
                (*place, key),
                f"With {with_it} go: {', '.join([one for one in known if one != with_it])}.",
            )
        return self.strange(key, list(known), place)

    def strange(self, key: str, known: list[str], place: Place) -> Exception:
        """The error of a key that nothing has."""
        where = f"{self.called(place)}: " if place else ""
        shown = repr(key) if len(key) <= 60 else f"{key[:60]!r}..."
        return self.refuse(f"{where}unknown key {shown}", (*place, key), nearest(key, known))

    def wrong(self, place: Place, need: str, value: Any) -> Exception:
        """The error of a value of another type."""
        return self.refuse(f"{self.called(place)} must be {need}, not {_shown(value)}", place, None)


def _is(value: Any, kind: str) -> bool:
    """Whether a value has a type; true is no number."""
    return isinstance(value, _TYPES[kind][0]) and (kind == "boolean" or not isinstance(value, bool))


def _steps(place: Place) -> Iterator[str]:
    for number, step in enumerate(place):
        if isinstance(step, int):
            yield f"[{step}]"
        else:
            yield f".{step}" if number else step


def _shown(value: Any) -> str:
    """A value as TOML has it, cut short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, (str, int, float)) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."

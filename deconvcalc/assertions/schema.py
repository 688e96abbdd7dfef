"""The JSON schemas of the file of checks and of the report, made from the registry of kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.kinds import KINDS
from deconvcalc.assertions.outcome import FAULTS, STATES

if TYPE_CHECKING:
    from deconvcalc.assertions.finding import Kind

__all__ = ["MOST_CHECKS", "REPORT_VERSION", "SUBJECTS", "report_schema", "schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
REPORT_VERSION = 1
"""The version of the JSON report; it grows when a field changes its meaning or goes."""

MOST_CHECKS = 20_000
"""A file may have so many tables, and make so many checks."""

LARGEST = 10**18

_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200_000}
_COUNT = {"type": "integer", "minimum": 1, "maximum": LARGEST}
_SIZE = {
    "oneOf": [
        _COUNT,
        _NAME,
        {"type": "array", "items": _COUNT, "minItems": 0, "maxItems": 9},
    ],
}
_INPUT = {
    "oneOf": [
        *_SIZE["oneOf"],
        {"type": "object", "properties": {}, "additionalProperties": _SIZE},
    ],
}

SUBJECTS = {
    "layer": _TEXT | {"description": "One call of a layer, of PyTorch, Keras or deconvcalc."},
    "layers": {
        "type": "array",
        "items": _TEXT,
        "minItems": 1,
        "maxItems": 1000,
        "description": "Calls of layers, one after the other.",
    },
    "code": _TEXT | {"description": "The text of nn.Sequential(...) or keras.Sequential([...])."},
    "plan": _NAME
    | {
        "maxLength": 4_000,
        "description": "A file with what `to_json` of a design gave, from the folder of this file "
        "on.",
    },
    "model": _NAME
    | {
        "maxLength": 4_000,
        "description": "A spec (.toml), an ONNX file (.onnx) or a Keras file (.keras), from the "
        "folder of this file on; or package.module:attribute, which is imported.",
    },
}
"""The keys that say what a check is about; each check has one of them."""


def schema() -> dict[str, Any]:
    """The JSON schema of `deconvcalc.toml`.

    >>> sorted(schema()["properties"])
    ['check', 'verify']
    """
    return {
        "$schema": DRAFT,
        "title": "Checks for deconvcalc",
        "description": "What must hold of layers and models. It is written in TOML: "
        "deconvcalc.toml, or [tool.deconvcalc] in pyproject.toml.",
        "type": "object",
        "properties": {
            "verify": KINDS["verify"].schema
            | {"description": "Checkers that build and run every check that names an input."},
            "check": {
                "type": "array",
                "items": {"$ref": "#/$defs/check"},
                "minItems": 1,
                "maxItems": MOST_CHECKS,
                "description": "The checks.",
            },
        },
        "required": ["check"],
        "additionalProperties": False,
        "$defs": {"check": _check()},
    }


def _check() -> dict[str, Any]:
    properties: dict[str, Any] = {
        "name": _NAME | {"description": "What the check is called."},
        **SUBJECTS,
        "arguments": {
            "type": "object",
            "properties": {},
            "description": "For a class or a function that makes the model, by name.",
        },
        "channels": {
            "oneOf": [_COUNT, {"type": "object", "properties": {}, "additionalProperties": _COUNT}],
            "description": "Of the input, where the model does not say; by name for several. "
            "By default 3, as in a trace; layer and layers leave it open.",
        },
        "assume": {
            "type": "object",
            "properties": {},
            "additionalProperties": {"enum": ["same"]},
            "description": "What unknown operations do: they leave sizes the same.",
        },
        "input": _INPUT
        | {"description": 'One input: 28, "28x30", [28, 30], or a table by name for several.'},
        "sizes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"input": _INPUT, "output": KINDS["output"].schema},
                "required": ["input"],
                "additionalProperties": False,
            },
            "minItems": 1,
            "maxItems": 1000,
            "description": "Several inputs, each with the output that must come out.",
        },
        "inputs": KINDS["admits"].schema
        | {"description": 'A condition in n, such as "n % 32 == 0"; one per axis in a list.'},
    }
    for kind in KINDS.values():
        text = _sentence(kind)
        if kind.key in properties:
            text = f"{properties[kind.key]['description']} {text}"
        properties[kind.key] = kind.schema | {"description": text}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _sentence(kind: Kind) -> str:
    needs = {"input": " Asked at an input.", "inputs": " Asked for `inputs`."}.get(kind.asks, "")
    return f"{kind.title[:1].upper()}{kind.title[1:]}.{needs}"


def report_schema() -> dict[str, Any]:
    """The JSON schema of what `deconvcalc check --format json` prints.

    >>> report_schema()["properties"]["state"]["enum"]
    ['passed', 'failed', 'error']
    """
    text = {"type": "string"}
    maybe = {"type": ["string", "null"]}
    number = {"type": "integer", "minimum": 0}
    outcome = {
        "name": text,
        "kind": {"enum": [*KINDS]},
        "state": {"enum": [*STATES]},
        "expected": text,
        "got": text,
        "derivation": {"type": "array", "items": text},
        "nearest": {"type": "array", "items": text},
        "where": maybe,
        "hint": maybe,
        "fault": {"enum": [*FAULTS, None]},
        "seconds": {"type": "number", "minimum": 0},
    }
    properties = {
        "schema": {"const": REPORT_VERSION},
        "state": {"enum": [*STATES]},
        "count": number,
        "passed": number,
        "failed": number,
        "errors": number,
        "not_run": {"type": "array", "items": text},
        "seconds": {"type": "number", "minimum": 0},
        "checks": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": outcome,
                "required": [*outcome],
                "additionalProperties": False,
            },
        },
    }
    return {
        "$schema": DRAFT,
        "title": "A report of deconvcalc check",
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }

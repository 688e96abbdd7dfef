"""What `deconvcalc check` checks: that sizes, and all that follows from them, are what they were.

A file of checks is read by `read` and run by `run`; one assertion about Python objects is decided
by `decide`. Nothing here loads a framework, unless a check names a model or a checker of one.
"""

from deconvcalc.assertions.finding import Options
from deconvcalc.assertions.kinds import KINDS, decide
from deconvcalc.assertions.outcome import Outcome
from deconvcalc.assertions.running import Report, run
from deconvcalc.assertions.schema import report_schema, schema
from deconvcalc.assertions.spec import Check, Spec, found_in, read
from deconvcalc.assertions.subject import Subject

__all__ = [
    "KINDS",
    "Check",
    "Options",
    "Outcome",
    "Report",
    "Spec",
    "Subject",
    "decide",
    "found_in",
    "read",
    "report_schema",
    "run",
    "schema",
]

"""Real layers run in processes of their own, and what they say."""

from __future__ import annotations

from deconvcalc.checkers.confirming import CHECKERS, recheck, verify
from deconvcalc.checkers.verdict import Verdict

__all__ = ["CHECKERS", "Verdict", "recheck", "verify"]

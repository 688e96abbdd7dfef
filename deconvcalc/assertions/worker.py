"""A process that runs some checks of a file: `python -m deconvcalc.assertions.worker`.

It reads one line of JSON, the file, the options and the numbers of the checks, and writes a line
for each outcome as it comes. What a model prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the checks that standard input names."""
    asked = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from deconvcalc.assertions.finding import Options
    from deconvcalc.assertions.spec import read

    options = Options(asked["verify"], no_import=asked["no_import"], outside=asked["outside"])
    checks = read(asked["path"], options).checks
    for place in asked["places"]:
        record = checks[place].run(options).to_record()
        answers.write(json.dumps({"place": place, "outcome": record}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

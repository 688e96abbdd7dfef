"""A process that runs some checks of files: `python -m deconvcalc.assertions.worker`.

It reads one line of JSON, the options, and the files and numbers of the checks, and writes a line
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
    paths = dict.fromkeys([path for path, _ in asked["places"]])
    files = {path: read(path, options).checks for path in paths}
    for path, number in asked["places"]:
        record = files[path][number].run(options).to_record()
        answers.write(json.dumps({"place": [path, number], "outcome": record}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

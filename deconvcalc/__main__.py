"""The command line as a process of its own: `deconvcalc`, or `python -m deconvcalc`."""

import gc


def run() -> None:
    """Run the command line.

    The process is short and makes little garbage: looking for it costs more than a small query,
    while it runs and once more when it ends.
    """
    gc.disable()
    from deconvcalc.cli import main

    try:
        main(prog_name="deconvcalc")
    finally:
        gc.freeze()  # the system takes back at once what Python would look through at the end


if __name__ == "__main__":
    run()

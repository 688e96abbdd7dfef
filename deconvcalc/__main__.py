"""The command line as a process of its own: `deconvcalc`, or `python -m deconvcalc`."""

import gc


def run() -> None:
    """Run the command line.

    The process is short and makes little garbage: looking for it costs more than a small query.
    """
    gc.disable()
    from deconvcalc.cli import main

    main(prog_name="deconvcalc")


if __name__ == "__main__":
    run()

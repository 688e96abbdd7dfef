"""`python -m deconvcalc` is the command line."""

from deconvcalc.cli import main

if __name__ == "__main__":
    main(prog_name="deconvcalc")

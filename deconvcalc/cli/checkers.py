"""deconvcalc checkers: which frameworks are here, and why one is not."""

from __future__ import annotations

import click

from deconvcalc.cli.arguments import FORMAT, Verb, wants_rich, working


@click.command("checkers", cls=Verb)
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(form: str) -> None:
    r"""Which frameworks are here, their versions, and why one is not.

    Each framework is loaded in a process of its own: only that tells whether it works.

    \b
    deconvcalc checkers
    deconvcalc checkers --format json

    Exit code: 0.
    """
    from deconvcalc.checkers.confirming import start, status
    from deconvcalc.checkers.names import CHECKERS

    with working(f"loading {', '.join(CHECKERS)}"):
        start(CHECKERS)
        found = [status(name) for name in CHECKERS]
    if form == "table":
        from deconvcalc.render.verdicts import checkers_table

        if wants_rich():
            from rich.console import Console

            from deconvcalc.render import terminal

            Console().print(terminal.shown(checkers_table(found)))
        else:
            from deconvcalc.render.text import plain

            click.echo(plain(checkers_table(found)))
        return
    from deconvcalc.render import records

    click.echo(records.checkers_text(found, form))

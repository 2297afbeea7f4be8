"""The command line: results go to stdout, progress and messages to stderr, an error is one red line.

Exit codes: 0 success; 1 some inputs or rows failed; 2 wrong usage; 3 cannot continue; 130 interrupted; 143 and 129
ended by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated

import typer

from seehear import __version__, interrupts
from seehear.cli import streams
from seehear.cli.add import add
from seehear.cli.check import check
from seehear.cli.compare import compare
from seehear.cli.demo import demo
from seehear.cli.evaluate import evaluate
from seehear.cli.log import log
from seehear.cli.mcp import mcp
from seehear.cli.papers import card, dossier
from seehear.cli.predict import predict
from seehear.cli.project_similar import project
from seehear.cli.serve import serve
from seehear.cli.show import show
from seehear.cli.similar import similar
from seehear.cli.starts import starts
from seehear.cli.train import plan, train
from seehear.cli.watch_drift import watch_drift
from seehear.errors import SeehearError, describe_error
from seehear.escaping import escape_unprintable

SIGNAL_BASE = 128  # exit codes above this are 128 plus the number of a signal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (check, train, plan, predict, evaluate, compare, add, similar, show, card, dossier, serve, mcp, demo):
    app.command()(command)
app.command()(watch_drift)
app.add_typer(starts, name="starts")
app.add_typer(project, name="project")
app.add_typer(log, name="log")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seehear {__version__}")
        raise typer.Exit


@app.callback()
def seehear(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="SEEHEAR_DEBUG", help="Show the traceback of an unexpected error.")
    ] = False,
) -> None:
    """Train models that see and hear, from a few hundred examples of your own, on your own machine."""
    if debug:
        os.environ["SEEHEAR_DEBUG"] = "1"


def main() -> None:
    interrupts.install_handlers()
    streams.configure()
    code = run(sys.argv[1:])
    if code > SIGNAL_BASE:
        # If the interrupt came during an exec, CPython would kill itself with the signal whatever its exit code.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Errors are printed as one line, without a traceback unless --debug."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("seehear", list(arguments) or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as leaving:
        return leaving.exit_code
    except SeehearError as error:
        return _fail(describe_error(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(_format_usage_error(error), 2)
    except KeyboardInterrupt as error:
        interrupt = error if isinstance(error, interrupts.Interrupted) else interrupts.Interrupted(signal.SIGINT)
        return _fail(interrupt.message, interrupt.exit_code)
    except BrokenPipeError:
        # The reader of our output closed it; without this, Python complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _fail(describe_error(error), 3)
    except Exception as error:
        if os.environ.get("SEEHEAR_DEBUG"):
            raise
        return _fail(describe_error(error), 3)
    return 0


def _format_usage_error(error: typer.TyperException) -> str:
    """The parser's error as one line, with a suggestion for a misspelled flag."""
    near = get_close_matches(str(getattr(error, "option_name", "")), getattr(error, "possibilities", None) or (), n=1)
    if near:
        return f"{getattr(error, 'message', error)}. Did you mean {near[0]}?"
    return error.format_message().strip()


def _fail(message: str, code: int) -> int:
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    typer.secho(escape_unprintable(f"seehear: {message}"), err=True, fg=typer.colors.RED if red else None)
    return code

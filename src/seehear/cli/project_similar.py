"""`seehear project similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.cli.project import Home, Name, Who, open_project, print_change
from seehear.cli.project_training import project as project
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line
from seehear.files import PROJECTS_FOLDER

if TYPE_CHECKING:
    from seehear.projects import Candidate, LookFor

Found = Annotated[
    list[str] | None, typer.Option(metavar="FOUND", help="What this command found before, as it printed it. Repeat it.")
]


@project.command()
def similar(  # noqa: PLR0913 - one argument for each flag
    name: Name,
    wanted: Annotated[str, typer.Argument(metavar="EXAMPLE", help="The number of an example, or a file.")],
    among: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Search this folder, archive or file instead of examples without an answer."),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(metavar="L,T,R,B", help="Only this part of the picture, in pixels: left,top,right,bottom."),
    ] = None,
    span: Annotated[
        str | None, typer.Option(metavar="START,END", help="Only this part of the recording, in seconds.")
    ] = None,
    yes: Found = None,
    no: Found = None,
    put: Annotated[
        str | None,
        typer.Option("--as", metavar="ANSWER", help="Give those after --yes this answer, instead of searching."),
    ] = None,
    top: Annotated[int | None, typer.Option(metavar="NUMBER", help="How many to find. Unless given, 24.")] = None,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Find more like an example, by the features of the model.

    With --yes and --no, what is right and wrong of what was found improves the next search; with --as, it gets an
    answer.
    """
    from seehear.projects.similar import search_similar

    confirmed, refused = _parse(yes), _parse(no)
    if put is not None and not confirmed:
        raise UsageError("--as without --yes", hint="name what was found and is right with --yes")
    with Display() as display, open_project(name, home, who) as opened:
        search = search_similar(opened, _look_for(wanted, box, span), among=among)
        if put is not None:
            print_change(opened, search.confirm(confirmed, put), json)
            return
        display.show_problems(search.compute(display))
        matches = search.rank(confirmed, refused, **options.drop_unset(top=top))
    if not matches:
        raise UsageError("there is nothing to search", hint="add examples without an answer, or name a folder: --among")
    for each in matches:
        line = f"{each.similarity:6.3f}  {each.candidate}" + (
            f"  {each.name}" if each.candidate.example is not None else ""
        )
        typer.echo(to_json_line(each.to_json()) if json else escape_unprintable(line))


def _look_for(wanted: str, box: str | None, span: str | None) -> LookFor:
    from seehear.projects import LookFor

    known = wanted.isascii() and wanted.isdigit() and not Path(wanted).exists()
    edges, times = _numbers(box, 4, "--box"), _numbers(span, 2, "--span")
    return LookFor(
        example=int(wanted) if known else None,
        path=None if known else options.require_existing(Path(wanted)),
        box=None if edges is None else (edges[0], edges[1], edges[2], edges[3]),
        span_s=None if times is None else (times[0], times[1]),
    )


def _numbers(text: str | None, count: int, flag: str) -> list[float] | None:
    """Raises UsageError."""
    if text is None:
        return None
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise UsageError(f"{flag} {text!r}", allowed=f"{count} numbers with commas between them")
    return numbers


def _parse(given: list[str] | None) -> list[Candidate]:
    from seehear.projects import Candidate

    return [Candidate.parse(each) for each in given or ()]

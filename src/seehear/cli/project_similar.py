"""`seehear project similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.cli.project import Home, Name, Who, open_project, parse_span, print_change
from seehear.cli.project_training import project as project
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line
from seehear.files import PROJECTS_FOLDER

if TYPE_CHECKING:
    from seehear.projects import Candidate, LookFor

Confirmed = Annotated[
    list[str] | None,
    typer.Option(metavar="FOUND", help="A result that is right, as this command printed it; may be repeated."),
]
Refused = Annotated[
    list[str] | None,
    typer.Option(metavar="FOUND", help="A result that is wrong, as this command printed it; may be repeated."),
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
        typer.Option(metavar="L,T,R,B", help="Only this box of the picture: left,top,right,bottom in pixels."),
    ] = None,
    span: Annotated[
        str | None, typer.Option(metavar="START-END", help="Only this part of the recording, in seconds.")
    ] = None,
    yes: Confirmed = None,
    no: Refused = None,
    put: Annotated[
        str | None,
        typer.Option("--as", metavar="ANSWER", help="Give what --yes names this answer, instead of searching."),
    ] = None,
    top: Annotated[int | None, typer.Option(metavar="NUMBER", help="How many to find; 24 by default.")] = None,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Find more like an example, by the features of the model.

    Name results that are right with --yes and those that are wrong with --no to improve the next search. With --as,
    those after --yes get an answer instead.
    """
    from seehear.projects.similar import search_similar

    confirmed, refused = _parse(yes), _parse(no)
    if put is not None and not confirmed:
        raise UsageError("--as without --yes", hint="name the results that are right with --yes")
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
    from seehear.projects.matches import parse_box

    known = wanted.isascii() and wanted.isdigit() and not Path(wanted).exists()
    return LookFor(
        example=int(wanted) if known else None,
        path=None if known else options.require_existing(Path(wanted)),
        box=None if box is None else parse_box(box),
        span_s=None if span is None else parse_span(span),
    )


def _parse(given: list[str] | None) -> list[Candidate]:
    from seehear.projects import Candidate

    return [Candidate.parse(each) for each in given or ()]

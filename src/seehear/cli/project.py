"""`seehear project`: make, fill, change and export projects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seehear.amounts import conjugate, format_count
from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line
from seehear.files import PROJECTS_FOLDER

if TYPE_CHECKING:
    from seehear.check import CheckReport, Finding
    from seehear.projects import Added, Change, Example, Inspection, Project

project = typer.Typer(help="Collect examples in a project, correct their answers, train, and see who changed what.")

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="A project, as `seehear project list` names it.")]
Home = Annotated[
    Path, typer.Option("--home", metavar="DIR", envvar="SEEHEAR_PROJECTS", help="The folder that holds the projects.")
]
Who = Annotated[
    str | None, typer.Option(metavar="NAME", help="Your name in the history; by default that of your account.")
]
Ids = Annotated[list[int], typer.Argument(metavar="EXAMPLE", help="The numbers of examples, from `project show`.")]


def open_project(name: str, home: Path, who: str | None = None) -> Project:
    """The project that a command's arguments name."""
    from seehear.projects import Project

    return Project.open(name, home=home, who=who)


@project.command()
def new(  # noqa: PLR0913 - one argument for each flag
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the project.")],
    answer: options.Answer = None,
    senses: options.Senses = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database that a team shares: postgresql+psycopg://HOST/DATABASE."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Begin from a model file: its classes, and it answers at once."),
    ] = None,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Make a project. By default, the answer and the senses are those of the first data."""
    with _create(name, answer, options.split_names(senses), database, model, home, who) as made:
        described = {"slug": made.slug, "name": made.name, "folder": str(made.place.folder)}
    typer.echo(to_json_line(described) if json else f"{made.slug} is in {made.place.folder}")


@project.command()
def demo(home: Home = Path(PROJECTS_FOLDER), who: Who = None, json: options.Json = False) -> None:
    """Make a project with 240 demo pictures, handwritten digits, to try things out. Nothing is downloaded."""
    from seehear.projects import create_demo

    with Display() as display, create_demo(home, who=who, listen=display) as made:
        described = {"slug": made.slug, "name": made.name, "folder": str(made.place.folder)}
    train = f"{options.program_name()} project train {made.slug} --minutes 1"
    typer.echo(to_json_line(described) if json else f"{made.slug} is in {made.place.folder}. Train: {train}")


def _create(
    name: str,
    answer: str | None,
    senses: Sequence[str] | None,
    database: str | None,
    model: Path | None,
    home: Path,
    who: str | None,
) -> Project:
    from seehear.projects import Project, begin_from_model

    if model is None:
        return Project.create(name, answer=answer, senses=senses, home=home, database=database, who=who)
    if answer or senses or database:
        raise UsageError("--model with --answer, --senses or --database", hint="leave those out: the model says them")
    return begin_from_model(name, options.require_existing(model), home=home, who=who)


@project.command("list")
def list_projects(home: Home = Path(PROJECTS_FOLDER), json: options.Json = False) -> None:
    """List the projects. For one that cannot be opened, say why."""
    from seehear.projects import Project

    entries = Project.list(home)
    for entry in entries:
        line = f"{entry.slug}: {entry.problem}" if entry.problem else entry.slug
        typer.echo(to_json_line(entry.to_json()) if json else escape_unprintable(line))
    if not entries and not json:
        typer.echo(f"No projects in {home}. Make one: {options.program_name()} project new NAME", err=True)
    if any(entry.problem for entry in entries):
        raise typer.Exit(1)


@project.command()
def show(  # noqa: PLR0913 - one argument for each flag
    name: Name,
    stratum: Annotated[str | None, typer.Option("--class", metavar="CLASS", help="List this class.")] = None,
    part: Annotated[str | None, typer.Option(metavar="PART", help="List this part: train, val or test.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="WORDS", help="List examples whose name or answer contains this.")
    ] = None,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="List examples without an answer.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="List examples that were removed.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List all examples.")] = False,
    home: Home = Path(PROJECTS_FOLDER),
    json: options.Json = False,
) -> None:
    """Count the examples of a project, or list some of them."""
    from seehear.projects import Query

    query = Query(stratum, False if unanswered else None, part, search, removed)
    with open_project(name, home) as opened:
        if query == Query() and not every:
            counts = opened.counts()
            described = {"slug": opened.slug, "name": opened.name} | counts.to_json()
            column = opened.answer_column()
            typer.echo(to_json_line(described) if json else _format_counts(opened, described))
            if column is None and not json:
                typer.echo("It has no kind of answer yet: add a table, or folders of classes.", err=True)
            return
        page = opened.examples(query)
        if not page and not json:
            typer.echo(f"No such examples in {opened.slug}", err=True)
        while page:
            for each in page:
                typer.echo(to_json_line(each.to_json()) if json else _format_example(each))
            page = opened.examples(query._replace(after=page[-1].id))


@project.command()
def add(  # noqa: PLR0913 - one argument for each flag
    name: Name,
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA", help="Pictures, recordings, folders, tables, or a tar or zip.")
    ],
    answer: options.Answer = None,
    senses: options.Senses = None,
    label: Annotated[
        str | None, typer.Option("--as", metavar="ANSWER", help="The answer of single pictures and recordings.")
    ] = None,
    inspect: Annotated[bool, typer.Option("--inspect", help="Only print what was understood.")] = False,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Add examples to a project from any data that `train` reads. Each folder, table or archive is one change."""
    from seehear.media import medium_of_file

    found = [options.require_existing(each) for each in data]
    single = [each for each in found if each.is_file() and medium_of_file(each)]
    whole = [each for each in found if each not in single]
    if label is not None and whole:
        raise UsageError("--as is for single pictures and recordings", where=str(whole[0]), hint="leave it out")
    read = options.drop_unset(answer=answer, senses=options.split_names(senses))
    with Display() as display, open_project(name, home, who) as opened:
        if inspect:
            for each in whole:
                seen = opened.inspect(each, **read)
                display.show_problems(seen.problems)
                typer.echo(to_json_line(seen.to_json()) if json else _format_inspection(seen))
        else:
            added = [opened.import_data(each, listen=display, **read) for each in whole]
            if single:
                added.append(opened.add(single, label, listen=display))
                display.show_problems(added[-1].problems)
            _print_added(opened, added, json)
    if display.left_out:
        raise typer.Exit(1)


@project.command()
def label(
    name: Name,
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help='A cell of the table; "" removes the answer.')],
    examples: Ids,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Give examples an answer."""
    with open_project(name, home, who) as opened:
        print_change(opened, opened.label(examples, answer or None), json)


@project.command()
def mark(
    name: Name,
    example: Annotated[int, typer.Argument(metavar="EXAMPLE", help="The number of a recording.")],
    spans: Annotated[list[str], typer.Argument(metavar="START-END", help="Stretches in seconds, such as 3.5-7.")],
    label: Annotated[str | None, typer.Option("--as", metavar="ANSWER", help="The answer of the stretches.")] = None,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Mark stretches of a recording: each becomes an example of its own."""
    from seehear.projects.recordings import Stretch

    stretches = [Stretch(*parse_span(each), label) for each in spans]
    with open_project(name, home, who) as opened:
        _print_added(opened, [opened.recordings.mark(example, stretches)], json)


@project.command()
def remove(
    name: Name, examples: Ids, home: Home = Path(PROJECTS_FOLDER), who: Who = None, json: options.Json = False
) -> None:
    """Remove examples. `project undo` brings them back."""
    with open_project(name, home, who) as opened:
        print_change(opened, opened.remove(examples), json)


@project.command()
def check(
    name: Name,
    fix: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Correct one finding, such as 'duplicates': remove examples, or change their answers.",
        ),
    ] = None,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Find what is wrong with the examples: duplicates, leaks, contradictions, shortcuts, poor files, private data.

    With --fix, corrects one finding; `project undo` undoes that. Otherwise exits with 1 if there are problems that
    should be fixed before training."""
    with open_project(name, home, who) as opened:
        with Display() as display:
            checked = opened.check(display)
        if fix is not None:
            print_change(opened, opened.correct(checked, _find_finding(checked.report, fix)), json)
            return
    if json:
        typer.echo(to_json_line(checked.to_json()))
    else:
        typer.echo("\n".join(map(escape_unprintable, str(checked.report).split("\n"))))
    if checked.report.problems:
        raise typer.Exit(1)


def _find_finding(report: CheckReport, kind: str) -> Finding:
    """Raises UsageError."""
    found = next((each for each in report.findings if each.kind == kind), None)
    if found is None:
        known = ", ".join(dict.fromkeys(each.kind for each in report.findings if each.concerns))
        raise UsageError(f"no {kind!r} was found", allowed=known or "nothing: no example is concerned")
    return found


@project.command()
def log(
    name: Name,
    example: Annotated[int | None, typer.Option(metavar="NUMBER", help="Only what changed this example.")] = None,
    last: Annotated[int, typer.Option(metavar="NUMBER", help="How many changes, newest first.")] = 50,
    home: Home = Path(PROJECTS_FOLDER),
    json: options.Json = False,
) -> None:
    """Print who changed what and when, newest first."""
    with open_project(name, home) as opened:
        found = opened.history(example=example, limit=last)
        for change in found:
            typer.echo(to_json_line(change.to_json()) if json else _format_change(change))
        if not found and not json:
            typer.echo("No changes" if example is None else f"No changes of example {example}", err=True)


@project.command()
def undo(
    name: Name,
    change: Annotated[
        int | None, typer.Argument(metavar="CHANGE", help="A number from `project log`; by default your last change.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Undo it even if that removes a lot.")] = False,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Undo a change. Undoing the undo redoes it."""
    with open_project(name, home, who) as opened:
        if (lost := opened.describe_undo(change)) and not yes:
            raise UsageError(f"undoing this removes {lost}", hint="add --yes to do it; it can be undone, too")
        print_change(opened, opened.undo(change), json)


@project.command()
def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    home: Home = Path(PROJECTS_FOLDER),
    json: options.Json = False,
) -> None:
    """Write the examples with answers to a folder: a table and their files, which `train` reads."""
    with Display() as display, open_project(name, home) as opened:
        count = opened.export(folder, listen=display)
        column = opened.answer_column()
    if json:
        typer.echo(to_json_line({"examples": count, "folder": str(folder)}))
    elif column is not None:
        answer = f"{column.kind_name}:{column.heading}"
        typer.echo(f"{options.program_name()} train {folder} --answer {answer} -o {name}.seehear")


def parse_span(text: str) -> tuple[float, float]:
    """`3.5-7` -> its start and end in seconds. Raises UsageError."""
    start, _, end = text.partition("-")
    try:
        return float(start), float(end)
    except ValueError:
        raise UsageError(f"the stretch {text!r}", allowed="START-END in seconds, such as 3.5-7") from None


def _print_added(opened: Project, added: Sequence[Added], json: bool) -> None:
    ids = [number for each in added for number in each.ids]
    known = [number for each in added for number in each.known]
    if json:
        typer.echo(to_json_line({"added": ids, "known": known}))
        return
    text = f"Added {format_count(len(ids), 'example')} to {opened.slug}"
    there = f"; {len(known):,} {conjugate('was', len(known))} already there" if known else ""
    typer.echo(text + there)


def print_change(opened: Project, change: int | None, json: bool) -> None:
    made = None if change is None else opened.change(change)
    if made is None:
        typer.echo(to_json_line({"id": None}) if json else "Nothing changed: it was like this already")
        return
    typer.echo(to_json_line(made.to_json()) if json else _format_change(made))


def _format_change(change: Change) -> str:
    undone = " (undone)" if change.undone else ""
    return escape_unprintable(f"{change.id:5}  {change.at:%Y-%m-%d %H:%M} UTC  {change.who}: {change.what}{undone}")


def _format_example(example: Example) -> str:
    span = "" if example.span_s is None else f" [{example.span_s[0]:.2f} s to {example.span_s[1]:.2f} s]"
    answers = ", ".join(f"{heading}: {_shorten(cell)}" for heading, cell in example.answers.items())
    marks = ", ".join(filter(None, (answers or "no answer", example.part, example.group)))
    return escape_unprintable(f"{example.id:5}  {example.name}{span}  {marks}")


def _format_counts(opened: Project, described: dict[str, Any]) -> str:
    lines = [
        f"{opened.name}: {format_count(described['examples'], 'example')}, {described['answered']:,} with an answer"
    ]
    lines += [f"  {count:6,}  {name}" for name, count in described["classes"].items()]
    parts = [f"{part} {count:,}" for part, count in described["parts"].items() if part]
    lines += [f"parts: {', '.join(parts)}"] if parts else []
    return "\n".join(map(escape_unprintable, lines))


def _format_inspection(seen: Inspection) -> str:
    about = "without answers" if seen.column is None else f"answer {seen.column.heading!r} ({seen.column.kind_name})"
    lines = [f"{format_count(seen.examples, 'example')} of {'+'.join(seen.senses)}, {about}"]
    lines += [f"  {count:6,}  {name}" for name, count in seen.classes.items()]
    return "\n".join(map(escape_unprintable, (*lines, *seen.notes)))


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"

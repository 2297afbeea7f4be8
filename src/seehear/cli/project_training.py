"""`seehear project train|jobs|watch|cancel|resume|versions|promote|rollback|compare|review|keep|terms`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seehear.amounts import format_count, format_duration
from seehear.audit import AuditLog
from seehear.cli import options
from seehear.cli.display import Display, describe_quality
from seehear.cli.project import Home, Name, Who, open_project
from seehear.cli.project import project as project
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line
from seehear.events import Measured
from seehear.files import PROJECTS_FOLDER

if TYPE_CHECKING:
    from seehear.projects.jobs import Job
    from seehear.projects.kept_answers import KeptAnswer
    from seehear.projects.project import Project
    from seehear.projects.versions import Version

JobNumber = Annotated[int, typer.Argument(metavar="JOB", help="The number of a job, as `project jobs` lists it.")]
VersionNumber = Annotated[int, typer.Argument(metavar="VERSION", help="The number of a version.")]


@project.command()
def train(  # noqa: PLR0913 - each flag is an argument
    name: Name,
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    start: options.Start = None,
    seed: options.Seed = None,
    device: options.Device = None,
    wrong_at_most: options.WrongAtMost = None,
    coverage: options.Promised = None,
    each_class: options.EachClass = False,
    each_group: options.EachGroup = None,
    fair: options.Fair = None,
    robust: options.Robust = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Show progress until the training is done, or return at once.")
    ] = True,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Train a new version of the model on a project's examples, in a process of its own.

    Ctrl-C stops watching; the training goes on."""
    flags = options.drop_unset(
        minutes=minutes,
        steps=steps,
        start=options.require_existing_start(start),
        seed=seed,
        device=device,
        wrong_at_most=wrong_at_most,
        coverage=coverage,
        each_class=each_class or None,
        each_group=each_group,
        fair=fair,
        robust=robust or None,
    )
    with open_project(name, home, who) as opened:
        job = opened.jobs.start(**flags)
        if wait:
            job = _watch(opened, job.id)
        _print(json, job.to_json(), lambda: _describe_job(job))
        if job.error:
            raise typer.Exit(3)


@project.command()
def jobs(name: Name, home: Home = Path(PROJECTS_FOLDER), json: options.Json = False) -> None:
    """List a project's trainings, newest first. Those whose process is gone are restarted."""
    with open_project(name, home) as opened:
        opened.jobs.restart()
        found = opened.jobs.list()
        none = f"No trainings yet. Start one: {options.program_name()} project train {opened.slug}"
        _print_list(json, [each.to_json() for each in found], map(_describe_job, found), none)


@project.command()
def watch(name: Name, job: JobNumber, home: Home = Path(PROJECTS_FOLDER), json: options.Json = False) -> None:
    """Show the progress of a training until it is done."""
    with open_project(name, home) as opened:
        ended = _watch(opened, job)
        _print(json, ended.to_json(), lambda: _describe_job(ended))


@project.command()
def cancel(name: Name, job: JobNumber, home: Home = Path(PROJECTS_FOLDER), json: options.Json = False) -> None:
    """Stop a training, or remove it from the queue. What it has learned is kept."""
    with open_project(name, home) as opened:
        ended = opened.jobs.cancel(job)
        _print(json, ended.to_json(), lambda: _describe_job(ended))


@project.command()
def resume(name: Name, job: JobNumber, home: Home = Path(PROJECTS_FOLDER), json: options.Json = False) -> None:
    """Resume a training that was cancelled or has failed."""
    with open_project(name, home) as opened:
        found = opened.jobs.resume(job)
        _print(json, found.to_json(), lambda: _describe_job(found))


@project.command()
def versions(name: Name, home: Home = Path(PROJECTS_FOLDER), json: options.Json = False) -> None:
    """List a project's versions, newest first."""
    with open_project(name, home) as opened:
        found = opened.versions.list()
        none = f"No versions yet. Train one: {options.program_name()} project train {opened.slug}"
        _print_list(json, [each.to_json() for each in found], map(_describe_version, found), none)


@project.command()
def promote(
    name: Name,
    version: VersionNumber,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Promote it even if it is worse than the one that answers.")
    ] = False,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Make a version the one that answers, unless it is shown to be worse than the current one."""
    with open_project(name, home, who) as opened:
        opened.versions.promote(version, although_worse=yes)
        found = opened.versions.get(version)
        _print(json, found.to_json(), lambda: _describe_version(found))


@project.command()
def rollback(name: Name, home: Home = Path(PROJECTS_FOLDER), who: Who = None, json: options.Json = False) -> None:
    """Undo the last promotion: the version before it answers again."""
    with open_project(name, home, who) as opened:
        found = opened.versions.roll_back().version
        _print(json, found.to_json(), lambda: _describe_version(found))


@project.command()
def compare(
    name: Name,
    first: Annotated[int, typer.Argument(metavar="VERSION", help="The number of a version.")],
    second: Annotated[int, typer.Argument(metavar="VERSION", help="The version to compare with it.")],
    tolerate: options.Tolerate = None,
    home: Home = Path(PROJECTS_FOLDER),
    json: options.Json = False,
) -> None:
    """Compare two versions on the examples that neither learned from."""
    with open_project(name, home) as opened, Display() as display:
        found = opened.versions.compare(first, second, tolerate=tolerate, listen=display)
        _print(json, found.to_json(), lambda: str(found))
    if found.loss is not None and found.loss.verdict == "worse":
        raise typer.Exit(1)


@project.command()
def review(  # noqa: PLR0913 - each flag is an argument
    name: Name,
    answer: Annotated[int | None, typer.Argument(metavar="ANSWER", help="The number of a kept answer.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="The answer is right.")] = False,
    correct: Annotated[str | None, typer.Option("--correct", metavar="CELL", help="The right answer.")] = None,
    none: Annotated[bool, typer.Option("--none", help="It is none of the classes.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Leave it undecided.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Never show it again.")] = False,
    top: Annotated[int, typer.Option(metavar="NUMBER", help="How many to list.")] = 20,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the review to this log; see `predict --log`.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List the kept answers that are most useful to review, or review one of them."""
    with open_project(name, home, who) as opened:
        opened.audit_log = None if log is None else AuditLog(log)
        found = opened.review
        if answer is None:
            with Display() as display:
                found.examine(listen=display)
            queue = found.queue(top)
            empty = "Nothing to review: no kept answer waits"
            if found.keeping().what == "nothing":
                empty += f". Keep answers: {options.program_name()} project keep {opened.slug} --days 30"
            _print_list(json, [each.to_json() for each in queue], map(_describe_kept, queue), empty)
            return
        chosen: Mapping[str, Callable[[], Any]] = {
            **({"accept": lambda: found.accept(answer)} if accept else {}),
            **({"correct": lambda: found.correct(answer, correct or "")} if correct is not None else {}),
            **({"none": lambda: found.none_of_these(answer)} if none else {}),
            **({"skip": lambda: found.skip(answer)} if skip else {}),
            **({"dismiss": lambda: found.dismiss(answer)} if dismiss else {}),
        }
        if len(chosen) > 1:
            raise UsageError(f"both --{' and --'.join(chosen)}", hint="give one of them")
        for decide in chosen.values():
            decide()
        kept = found.get(answer)
        _print(json, kept.to_json(), lambda: _describe_kept(kept))


@project.command()
def keep(  # noqa: PLR0913 - each flag is an argument
    name: Name,
    days: Annotated[float | None, typer.Option(metavar="DAYS", help="Keep answers for this long.")] = None,
    unsure: Annotated[bool, typer.Option("--unsure", help="Keep only answers it is unsure of.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Keep no more answers.")] = False,
    delete: Annotated[bool, typer.Option("--delete-now", help="Delete all that nobody has reviewed.")] = False,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """Keep the model's answers for review, or delete them. Nothing is kept by default."""
    if days is not None and off:
        raise UsageError("both --days and --off", hint="give one of them")
    if unsure and days is None:
        raise UsageError("--unsure without --days", hint="say for how many days: --days 30 --unsure")
    with open_project(name, home, who) as opened:
        if days is not None or off:
            opened.review.keep(days, "unsure" if unsure else "everything")
        deleted = opened.review.delete_kept(expired=not delete)
        keeping, waiting = opened.review.keeping(), opened.review.count_waiting()
        state = {
            "what": keeping.what,
            "days": keeping.days,
            "waiting": waiting,
            "deleted": deleted,
        }

        def describe() -> str:
            return f"{keeping}; {format_count(waiting, 'answer')} to review, {deleted:,} deleted"

        _print(json, state, describe)


@project.command()
def terms(
    name: Name,
    add: Annotated[list[str] | None, typer.Option(metavar="TERM", help="Add this word or name.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="TERM", help="Remove this term.")] = None,
    home: Home = Path(PROJECTS_FOLDER),
    who: Who = None,
    json: options.Json = False,
) -> None:
    """List the words and names to expect in transcripts, add some, or remove some."""
    with open_project(name, home, who) as opened:
        for term in add or ():
            opened.terms.add(term)
        for term in remove or ():
            opened.terms.remove(term)
        found = opened.terms.list()
        empty = f"No terms yet. Add one: {options.program_name()} project terms {opened.slug} --add TERM"
        _print_list(json, list(found), map(escape_unprintable, found), empty)


def _print(json: bool, value: Any, describe: Callable[[], str]) -> None:
    """One line of JSON, or text for people."""
    if text := to_json_line(value) if json else describe():
        typer.echo(text)


def _print_list(json: bool, values: Sequence[Any], lines: Iterable[str], none: str) -> None:
    """One line of JSON, or a line for each; if there are none, say so on stderr."""
    _print(json, values, lambda: "\n".join(lines))
    if not values and not json:
        typer.echo(none, err=True)


def _watch(opened: Project, number: int) -> Job:
    """Show progress until the job is done. An interrupt only stops watching."""
    from seehear.projects.job_progress import to_event

    with Display() as display:
        try:
            for record, _ in opened.jobs.watch(number):
                if event := to_event(record):
                    display(event)
        except KeyboardInterrupt:
            seehear = options.program_name()
            display.say(f"The training goes on. {seehear} project watch {opened.slug} {number} shows it,")
            display.say(f"  {seehear} project cancel {opened.slug} {number} stops it.")
            raise
    return opened.jobs.get(number)


def _describe_job(job: Job) -> str:
    parts = [f"job {job.id}: {job.state}"]
    parts += [f"version {job.version}"] if job.version is not None else []
    parts += [job.error] if job.error else []
    if not job.finished and (quality := job.progress.get("quality")):
        parts += [describe_quality(Measured(**quality))]
    if not job.finished and (left_s := job.progress.get("seconds_left")):
        parts += [f"{job.progress['task']}, about {format_duration(left_s)} left"]
    return escape_unprintable(", ".join(parts))


def _describe_version(version: Version) -> str:
    from seehear.measure.formatting import format_interval, format_number

    figures = version.figures
    value, interval = figures["value"], figures["interval"]
    shown = "unknown" if value is None else format_number(value)
    if interval and None not in interval:
        shown += f" ({format_interval((interval[0], interval[1]))})"
    held_out = format_count(version.held_out, "held-out example")
    metric = figures["metric"] or "how good it is"
    line = f"version {version.number}: {metric} {shown}, on {held_out}; learned from {version.learned:,}"
    state = f"; {version.problem}" if version.problem else "; answers now" if version.served else ""
    return escape_unprintable(line + state)


def _describe_kept(kept: KeptAnswer) -> str:
    doubt = "unlike the training data" if kept.unfamiliar else f"{kept.confidence:.0%} sure"
    return escape_unprintable(f"{kept.id}: {kept.name}: {kept.cell} ({doubt}), {kept.state}")

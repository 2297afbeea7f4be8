"""A project: the examples that people collect, their answers, who changed what, and the models trained on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from sqlalchemy.engine import Connection

from seehear.audit import AuditLog
from seehear.errors import UsageError
from seehear.events import Listener, ignore_events
from seehear.media import Input, take_span
from seehear.projects import checking, editing, export, history, importing, opening, places, single_files
from seehear.projects import examples as example_tables
from seehear.projects.adding import add_staged, delete_unused_files
from seehear.projects.checking import ProjectCheck
from seehear.projects.columns import AnswerColumn, find_answer_column, read_setting
from seehear.projects.content_store import ContentStore, Staging, StoredFile
from seehear.projects.editing import require_column
from seehear.projects.examples import Added, Counts, Example, NewExample, Query
from seehear.projects.fields import Edit
from seehear.projects.history import Change
from seehear.projects.importing import Inspection
from seehear.projects.jobs import Jobs
from seehear.projects.kept_answers import KeptAnswer
from seehear.projects.matches import LookFor, Match
from seehear.projects.opening import Opened, ProjectEntry
from seehear.projects.places import Place
from seehear.projects.recordings import Recordings
from seehear.projects.review import Review
from seehear.projects.similar import SearchKeywords, find_similar
from seehear.projects.single_files import Common
from seehear.projects.terms import Terms
from seehear.projects.versions import Versions

if TYPE_CHECKING:
    from seehear.check import Finding

PAGE = 120  # examples
ALL = Query()


class Project:
    """An open project. Every method is one transaction: when it returns, what it did is on the disk.

    It may be used from several threads, and the same project may be open in several processes.

    name    as people call it
    slug    as commands and addresses call it: the name of its folder
    who     the person whose name the history gives to changes
    audit_log  where reviews are written; None for nowhere
    """

    audit_log: AuditLog | None = None

    def __init__(self, opened: Opened) -> None:
        self.place, self.name, self.database, self.who = opened
        self.slug = opened.place.slug
        self.store = ContentStore(opened.place.files)

    @classmethod
    def create(
        cls,
        name: str,
        *,
        answer: str | None = None,
        senses: Sequence[str] | None = None,
        home: str | Path = places.HOME,
        database: str | None = None,
        who: str | None = None,
    ) -> Project:
        """Make a project.

        answer    the kind of answer, or kind:heading; taken from the first data unless given
        senses    the senses to use; taken from the first data unless given
        home      the folder for all projects
        database  the URL of a PostgreSQL database that a team shares, without a password; by default SQLite
        who       the name for the history; by default the account's

        Raises UsageError for a name that is taken and other wrong arguments.
        """
        return cls(opening.create(Path(home), name, answer=answer, senses=senses, database=database, who=who))

    @classmethod
    def open(cls, name: str | Path, *, home: str | Path = places.HOME, who: str | None = None) -> Project:
        """Open a project by its name, or by its folder if `name` is a Path.

        Raises UsageError if there is none, DataError if it is damaged or of a newer version.
        """
        place = Place(name) if isinstance(name, Path) else places.find_place(Path(home), name)
        return cls(opening.open_place(place, who))

    @classmethod
    def list(cls, home: str | Path = places.HOME) -> Sequence[ProjectEntry]:
        """All projects of a home. One that cannot be opened says why, and does not hide the others."""
        return tuple(map(opening.describe, places.find_places(Path(home))))

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def as_person(self, who: str) -> Project:
        """The same open project, for another person's changes."""
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__ | {"who": opening.check_person(who)}
        return other

    @property
    def jobs(self) -> Jobs:
        """The training jobs."""
        return Jobs(self)

    @property
    def versions(self) -> Versions:
        """The trained models, and which of them answers."""
        return Versions(self)

    @property
    def review(self) -> Review:
        """The answers that are kept, to be corrected."""
        return Review(self)

    @property
    def recordings(self) -> Recordings:
        """Its recordings, in which stretches are marked."""
        return Recordings(self)

    @property
    def terms(self) -> Terms:
        """Words and names to expect in transcripts."""
        return Terms(self)

    # Reading

    def counts(self) -> Counts:
        with self.database.reading() as connection:
            return example_tables.count_examples(connection, find_answer_column(connection))

    def examples(self, query: Query = ALL, *, limit: int | None = PAGE) -> Sequence[Example]:
        """One page of examples; for the next one, give the last id as `query.after`. `limit=None` for all."""
        with self.database.reading() as connection:
            ids = example_tables.list_ids(connection, _heading(connection), query, limit)
            return example_tables.read_examples(connection, ids)

    def find(self, query: Query = ALL) -> Sequence[int]:
        """The ids of all examples that a query finds."""
        with self.database.reading() as connection:
            return example_tables.list_ids(connection, _heading(connection), query, None)

    def examples_of(self, ids: Sequence[int]) -> Sequence[Example]:
        """The examples with these ids, in this order, also removed ones."""
        with self.database.reading() as connection:
            return example_tables.read_examples(connection, ids)

    def example(self, number: int) -> Example:
        """One example, also a removed one. Raises UsageError if there never was one with this id."""
        with self.database.reading() as connection:
            found = example_tables.read_examples(connection, [number])
        if not found:
            raise UsageError(f"there is no example {number}", where=self.slug)
        return found[0]

    def path(self, file: StoredFile) -> Path:
        """Where a file of the project lies. It must not be changed."""
        return self.store.path(file)

    def sources(self, example: Example | KeptAnswer) -> dict[str, Input]:
        """What to read for each sense: a file of the project, or the part of it that the example is."""
        return {sense: take_span(self.path(file), example.span_s) for sense, file in example.inputs.items()}

    def classes(self) -> Sequence[str]:
        """The classes in an order that does not change, also those without examples."""
        with self.database.reading() as connection:
            return example_tables.list_classes(connection)

    def answer_column(self) -> AnswerColumn | None:
        """The column and kind of its answers; None while it has no answer and no data."""
        with self.database.reading() as connection:
            return find_answer_column(connection)

    # Adding

    def add(
        self,
        files: Iterable[str | Path],
        answer: str | None = None,
        *,
        group: str = "",
        part: str = "",
        listen: Listener = ignore_events,
    ) -> Added:
        """Add files, each as one example, with the same answer if one is given. All or none are added.

        Files that cannot be read are left out, as `problems`. For folders, tables and archives see `import_data`.
        """
        return single_files.add_files(self, files, Common(answer, group, part), listen)

    def inspect(
        self, data: str | Path, *, answer: str | None = None, senses: Sequence[str] | None = None
    ) -> Inspection:
        """What `import_data` would add, from a folder, a table or an archive in any layout that training reads.

        answer  a heading, a kind, or kind:heading, to override what would be inferred
        senses  the senses to use; by default those of the project

        Raises DataError if none of it can be used, UsageError if its answers are of another kind than the project's.
        """
        return importing.inspect(self, data, answer=answer, senses=senses)

    def import_data(
        self,
        data: str | Path,
        *,
        answer: str | None = None,
        senses: Sequence[str] | None = None,
        listen: Listener = ignore_events,
    ) -> Added:
        """Add all examples of a folder, a table or an archive, as one change: all that can be read, or nothing if it
        is interrupted. The arguments and errors are those of `inspect`.
        """
        return importing.import_data(self, data, answer=answer, senses=senses, listen=listen)

    def export(self, folder: str | Path, *, listen: Listener = ignore_events) -> int:
        """Write the examples with answers to a new folder: `examples.csv` and `files/`, which `train` reads.

        What is held out is in the part val. Returns the number of examples. Raises UsageError if the folder exists.
        """
        return export.export(self, Path(folder), listen)

    def add_uploads(
        self,
        uploads: Iterable[tuple[str, Iterable[bytes]]],
        answer: str | None = None,
        *,
        group: str = "",
        part: str = "",
        listen: Listener = ignore_events,
    ) -> Added:
        """Like `add`, for files that come as a name and the blocks of their content."""
        return single_files.add_uploads(self, uploads, Common(answer, group, part), listen)

    def add_examples(self, staging: Staging, new: Sequence[NewExample], detail: str = "") -> Added:
        """Add examples whose files were staged in `self.store.staging()`, as one change.

        detail  the end of its sentence in the history: "added 3 examples " + detail
        """
        with self.database.writing() as connection:
            return self.add_within(connection, staging, new, detail)

    def add_within(
        self,
        connection: Connection,
        staging: Staging,
        new: Sequence[NewExample],
        detail: str,
        edits: Sequence[Edit] = (),
    ) -> Added:
        """As `add_examples`, in a transaction of `self.database.writing()` that does more. `edits` come first in the
        same change."""
        change = history.begin_change(connection, self.who, "")
        done = history.make_edits(connection, change, edits)
        return add_staged(connection, self.store, staging, new, (change, done), detail)

    def delete_unused_files(self) -> int:
        """Delete the files that no example and no kept answer has, such as those of answers that were deleted.

        Examples that were removed keep theirs, as they can be restored. Returns the number of files.
        """
        return delete_unused_files(self.database, self.store)

    # Checking

    def check(self, listen: Listener = ignore_events) -> ProjectCheck:
        """Find what is wrong with the examples that have an answer, as `seehear.check.check` does for a folder.

        Raises DataError if there are none. Takes about a millisecond for each small picture.
        """
        return checking.check_examples(self, listen)

    def correct(self, checked: ProjectCheck, finding: Finding) -> int | None:
        """Correct what one finding of a check names: remove examples or give them other answers, as one change.

        Returns the id of the change. Raises UsageError if only a person can correct it, ConflictError if somebody has
        changed one of the examples since the check.
        """
        return checking.correct(self, checked, finding)

    # Changing

    def label(
        self, ids: Iterable[int], answer: str | None, *, expected: Mapping[int, str | None] | None = None
    ) -> int | None:
        """Give examples an answer, as a cell of the table, or take it away (None).

        Like every method here that changes something, it returns the id of the change, or None if nothing changed.

        expected  the answers that the person saw, by example; those not named are not checked

        Raises ConflictError, with who did what, if an example has another answer than expected.
        """
        with self.database.writing() as connection:
            column = require_column(find_answer_column(connection))
            return editing.label(connection, self.who, column, list(ids), answer, expected or {})

    def remove(self, ids: Iterable[int]) -> int | None:
        """Remove examples; they stay in the history, and can be restored. Returns the id of the change."""
        with self.database.writing() as connection:
            return editing.set_presence(connection, self.who, list(ids), present=False)

    def restore(self, ids: Iterable[int]) -> int | None:
        with self.database.writing() as connection:
            return editing.set_presence(connection, self.who, list(ids), present=True)

    def set_part(self, ids: Iterable[int], part: str) -> int | None:
        """Put examples into a part: train, val, test, or "" for undecided. Returns the id of the change."""
        with self.database.writing() as connection:
            return editing.set_part(connection, self.who, list(ids), part)

    def set_group(self, ids: Iterable[int], group: str) -> int | None:
        """Say which patient, speaker or place examples belong to; "" for none. Returns the id of the change."""
        with self.database.writing() as connection:
            return editing.set_group(connection, self.who, list(ids), group)

    def add_class(self, name: str) -> int | None:
        """Make a class that has no examples yet. Returns the id of the change."""
        with self.database.writing() as connection:
            return editing.add_class(connection, self.who, name)

    def rename_class(self, name: str, new: str) -> int | None:
        """Rename a class, or join it with the one that has the new name already. Returns the id of the change."""
        with self.database.writing() as connection:
            column = require_column(find_answer_column(connection))
            return editing.rename_class(connection, self.who, column, name, new)

    def find_similar(self, wanted: int | str | Path | LookFor, **options: Unpack[SearchKeywords]) -> Sequence[Match]:
        """Find more like an example, a kept answer or a file; the most similar first. See `similar.find_similar`."""
        return find_similar(self, wanted, **options)

    # History and settings

    def history(self, *, example: int | None = None, before: int | None = None, limit: int = 50) -> Sequence[Change]:
        """The changes, newest first: all or those of one example; with `before`, only those older than that change."""
        with self.database.reading() as connection:
            return history.list_changes(connection, example_id=example, before=before, limit=limit)

    def change(self, number: int) -> Change | None:
        """One change; None if there never was one with this id."""
        found = self.history(before=number + 1, limit=1)
        return found[0] if found and found[0].id == number else None

    def edits(self, change: int, *, example: int | None = None, limit: int = 1000) -> Sequence[Edit]:
        """What a change set, with the values before and after."""
        with self.database.reading() as connection:
            return history.read_edits(connection, change, example_id=example, limit=limit)

    def undo(self, change: int | None = None) -> int:
        """Undo a change; by default this person's last one. Returns the id of the change that does so.

        That change can be undone too. Raises UsageError if there is nothing to undo, ConflictError if somebody has
        changed the same fields since.
        """
        with self.database.writing() as connection:
            return history.undo(
                connection, self.who, history.find_last(connection, self.who) if change is None else change
            )

    def describe_undo(self, change: int | None = None) -> str:
        """What undoing a change, by default this person's last one, removes if that is a lot; "" if it is not."""
        with self.database.reading() as connection:
            number = history.find_last(connection, self.who) if change is None else change
            return history.describe_loss(connection, number)

    def setting(self, name: str, default: Any = None) -> Any:
        with self.database.reading() as connection:
            stored = read_setting(connection, name)
        return default if stored is None else json.loads(stored)

    def set_setting(self, name: str, value: Any) -> int | None:
        """Change a setting, which can be any JSON; None forgets it. Returns the id of the change."""
        with self.database.writing() as connection:
            return editing.set_setting(connection, self.who, name, value)


def _heading(connection: Connection) -> str | None:
    column = find_answer_column(connection)
    return None if column is None else column.heading

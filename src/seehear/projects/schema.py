"""The tables of a project's database. A change here needs a migration in `migrations/versions/`; a test compares both.

Times are Unix seconds in UTC. Ids are never used twice. Cells are text, in the format of a table's answer column.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

NAMING = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s"}
SHA256_LETTERS, LONGEST_CLASS = 64, 200  # characters

metadata = MetaData(naming_convention=NAMING)


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _sha256() -> Column[str]:
    return Column("sha256", String(SHA256_LETTERS), ForeignKey("files.sha256"), nullable=False)


# Every file of the project, stored once. `suffix` begins with a dot, or is "".
files = Table(
    "files",
    metadata,
    Column("sha256", String(SHA256_LETTERS), primary_key=True),
    Column("suffix", String(16), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("medium", String(16), nullable=False),
)

# What somebody did, as one step that can be undone. `undoes`: the change that this one takes back.
changes = Table(
    "changes",
    metadata,
    _id(),
    Column("at_s", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("undoes", Integer, ForeignKey("changes.id")),
    Column("undone_by", Integer, ForeignKey("changes.id")),
    Index("ix_changes_undoes", "undoes"),
    sqlite_autoincrement=True,
)

# The fields that a change set, with their values before and after; null means that there was none.
edits = Table(
    "edits",
    metadata,
    Column("change_id", Integer, ForeignKey("changes.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("field", String(32), nullable=False),
    Column("example_id", Integer, ForeignKey("examples.id")),
    Column("key", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("ix_edits_example_id_field", "example_id", "field"),
)

# `digest` identifies the inputs, so that the same are one example. `metadata`: a JSON object of other table columns.
# `part` is train, val or test, or "" while undecided. `change_id`: when and by whom it was added.
examples = Table(
    "examples",
    metadata,
    _id(),
    Column("digest", String(SHA256_LETTERS), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("start_s", Double),
    Column("end_s", Double),
    Column("part", String(8), nullable=False),
    Column("group_name", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("removed", Boolean, nullable=False, server_default=false()),
    Column("change_id", Integer, ForeignKey("changes.id"), nullable=False),
    Index("ix_examples_removed_part_id", "removed", "part", "id"),
    sqlite_autoincrement=True,
)

# The files of an example, one for each sense.
inputs = Table(
    "inputs",
    metadata,
    Column("example_id", Integer, ForeignKey("examples.id"), primary_key=True),
    Column("sense", String(32), primary_key=True),
    _sha256(),
    Index("ix_inputs_sha256", "sha256"),
)

# What people said about an example. `stratum` is the class, or "" for kinds without. `change_id`: when and by whom.
answers = Table(
    "answers",
    metadata,
    Column("example_id", Integer, ForeignKey("examples.id"), primary_key=True),
    Column("heading", String(200), primary_key=True),
    Column("cell", Text, nullable=False),
    Column("stratum", String(LONGEST_CLASS), nullable=False),
    Column("change_id", Integer, ForeignKey("changes.id"), nullable=False),
    Index("ix_answers_heading_stratum_example_id", "heading", "stratum", "example_id"),
)

# The classes, in an order that does not change; also those without examples.
classes = Table(
    "classes",
    metadata,
    Column("name", String(LONGEST_CLASS), primary_key=True),
    Column("position", Integer, nullable=False),
)

# Settings by name, as JSON.
settings = Table(
    "settings",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)

# Training jobs. `state`: waiting, running, done, failed or cancelled. `options` and `progress` are JSON objects.
jobs = Table(
    "jobs",
    metadata,
    _id(),
    Column("state", String(16), nullable=False),
    Column("options", Text, nullable=False),
    Column("asked_at_s", Double, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("started_at_s", Double),
    Column("finished_at_s", Double),
    Column("heartbeat_at_s", Double),
    Column("host", Text),
    Column("process", Integer),
    Column("progress", Text, nullable=False, server_default="{}"),
    Column("error", Text),
    Index("ix_jobs_state_id", "state", "id"),
    sqlite_autoincrement=True,
)

# Trained models; the files are in `models/`. `figures` is a JSON object.
versions = Table(
    "versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("job_id", Integer, ForeignKey("jobs.id")),
    Column("made_at_s", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(SHA256_LETTERS), nullable=False),
    Column("figures", Text, nullable=False, server_default="{}"),
    Column("card", Text, nullable=False),
    Column("notes", Text, nullable=False),
)

# Which examples a version learned from (part train), and which were held out (val).
version_examples = Table(
    "version_examples",
    metadata,
    Column("number", Integer, ForeignKey("versions.number"), primary_key=True),
    Column("example_id", Integer, ForeignKey("examples.id"), primary_key=True),
    Column("part", String(8), nullable=False),
)

# Answers of a model that are kept. `state`: waiting, accepted, corrected, none, skipped or dismissed. `answer` is the
# JSON that `predict --json` prints. `example_id`: the example that it became. `other_number`, `other_cell`: a version
# that answers differently, and what. `blind`: whether it was reviewed without seeing the answer.
predictions = Table(
    "predictions",
    metadata,
    _id(),
    Column("number", Integer, ForeignKey("versions.number")),
    Column("at_s", Double, nullable=False),
    Column("source", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("start_s", Double),
    Column("end_s", Double),
    Column("answer", Text, nullable=False),
    Column("cell", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("unfamiliarity", Double),
    Column("usefulness", Double),
    Column("embedding", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("reviewed_at_s", Double),
    Column("reviewed_by", Text),
    Column("example_id", Integer, ForeignKey("examples.id")),
    Column("other_number", Integer),
    Column("other_cell", Text),
    Column("blind", Boolean, nullable=False, server_default=false()),
    Index("ix_predictions_state_usefulness", "state", "usefulness"),
    Index("ix_predictions_at_s", "at_s"),
    Index("ix_predictions_reviewed_at_s", "reviewed_at_s"),
    Index("ix_predictions_example_id", "example_id"),
    sqlite_autoincrement=True,
)

# The files that a kept answer is about, one for each sense.
prediction_inputs = Table(
    "prediction_inputs",
    metadata,
    Column("prediction_id", Integer, ForeignKey("predictions.id", ondelete="CASCADE"), primary_key=True),
    Column("sense", String(32), primary_key=True),
    _sha256(),
    Index("ix_prediction_inputs_sha256", "sha256"),
)

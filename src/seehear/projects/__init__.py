"""Projects: the examples that people collect, on a database with a history. See `Project`."""

from seehear.errors import UsageError

try:
    from seehear.projects.beginning import begin_from_model
    from seehear.projects.content_store import StoredFile
    from seehear.projects.demonstration import create_demo
    from seehear.projects.examples import Added, Counts, Example, NewExample, Query
    from seehear.projects.history import Change
    from seehear.projects.importing import Inspection
    from seehear.projects.matches import Candidate, LookFor, Match
    from seehear.projects.opening import ProjectEntry
    from seehear.projects.project import Project
except ModuleNotFoundError as missing:
    if str(missing.name).partition(".")[0] != "sqlalchemy":
        raise
    raise UsageError("projects need a database library", hint="pip install 'seehear[serve]'") from None

__all__ = [
    "Added",
    "Candidate",
    "Change",
    "Counts",
    "Example",
    "Inspection",
    "LookFor",
    "Match",
    "NewExample",
    "Project",
    "ProjectEntry",
    "Query",
    "StoredFile",
    "begin_from_model",
    "create_demo",
]

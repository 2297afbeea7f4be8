"""Find more like this: searches examples without an answer, or files, by the features of a model's encoder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import sqlalchemy as sa

from seehear.amounts import format_count
from seehear.errors import UsageError
from seehear.events import Listener, Skipped, ignore_events
from seehear.media import Excerpt, Input, find_span, path_of, take_span
from seehear.problems import RowProblem
from seehear.projects.adding import add_staged
from seehear.projects.columns import find_answer_column
from seehear.projects.content_store import Staging, StoredFile
from seehear.projects.editing import check_answer, check_classes, require_column
from seehear.projects.examples import NewExample, Query, Span, edit_new_classes
from seehear.projects.features import Array, Encoder, FeatureCache, Features, Item, embed_one
from seehear.projects.fields import Edit
from seehear.projects.history import begin_change, describe_change, discard_if_empty, make_edits, shorten
from seehear.projects.matches import Box, Candidate, LookFor, Match
from seehear.projects.relevance import rank_by_examples
from seehear.projects.schema import examples as example_table
from seehear.projects.schema import inputs as input_table
from seehear.projects.searched_files import find_file, list_files
from seehear.senses import SENSES

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.projects.project import Project

FOLDER = "features"
WINDOWS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # the nearest to the query's length is used
TOP = 24
SAME_S = 0.002  # between times that are printed with three digits


class SimilaritySearch:
    """One search: what is looked for, and where.

    among          a folder, an archive or a file; by default examples of the project
    pool           the ids of these; by default of those without an answer
    query_inputs   see `read_query`
    Raises UsageError for what does not exist. What is looked for is read, and embedded, once that is needed: InputError
    if it cannot be read.
    """

    def __init__(
        self,
        project: Project,
        encoder: Encoder,
        wanted: LookFor,
        among: Path | None = None,
        pool: Sequence[int] | None = None,
    ) -> None:
        self._project, self._encoder, self._wanted, self._among, self._pool = project, encoder, wanted, among, pool
        self._name, self.query_inputs = read_query(project, encoder.senses, wanted)

    @cached_property
    def _query(self) -> Array:
        return embed_one(self._encoder, self.query_inputs, self._name)

    @cached_property
    def _cache(self) -> FeatureCache:
        return FeatureCache(self._project.place.folder / FOLDER, self._encoder, self._choose_window())

    @cached_property
    def _places(self) -> Sequence[tuple[Item, Candidate]]:
        """What is searched, in the order in which it was added or is named."""
        senses = tuple(self._encoder.senses)
        if self._among is not None:
            folder = self._project.place.folder / FOLDER
            return [(item, Candidate(None, item.name)) for item in list_files(self._among, senses, folder)]
        found = []
        pool = self._project.find(Query(answered=False)) if self._pool is None else self._pool
        for each in self._project.examples_of(pool):
            inputs = _locate(self._project, senses, each.inputs, each.span_s)
            if inputs:
                key = NewExample("", {sense: each.inputs[sense] for sense in inputs}, each.span_s).digest
                found.append((Item(each.name, key, inputs), Candidate(each.id, span_s=None)))
        return found

    @property
    def key(self) -> str:
        """Equal for searches of the same place by the same features."""
        return f"{self._cache.folder} {self._among}"

    @property
    def items(self) -> Sequence[Item]:
        return [item for item, _ in self._places]

    def count_missing(self) -> int:
        """How many examples or files have no features yet."""
        return len(self._cache.find_missing(self.items))

    def compute(self, listen: Listener = ignore_events) -> Sequence[RowProblem]:
        """Compute the features that are missing. Returns what cannot be read. Raises InputError if what is looked for
        cannot be read, before anybody waits."""
        _ = self._query
        return self._cache.compute(self.items, listen)

    def rank(self, yes: Iterable[Candidate] = (), no: Iterable[Candidate] = (), *, top: int = TOP) -> Sequence[Match]:
        """The most similar first, of what has features.

        yes, no   what was confirmed or refused before; it improves the order, and is not found again
        """
        yes, no = list(yes), list(no)
        places, features = self._places, self._cache.read(self.items)
        if not len(features.vectors):
            return []
        confirmed = [self._query, *(self._find_vector(each, features) for each in yes)]
        refused = [self._find_vector(each, features) for each in no]
        scores = rank_by_examples(features.vectors, np.stack(confirmed), np.array(refused, np.float32))
        taken = _Taken([*yes, *no, *self._own_places()])
        matches: list[Match] = []
        for row in np.argsort(-scores, kind="stable"):
            item, candidate = places[features.owners[row]]
            start_s, end_s = features.spans_s[row].tolist()
            found = candidate if math.isnan(start_s) else candidate._replace(span_s=(start_s, end_s))
            if taken.add(found):
                matches.append(Match(found, item.name, float(scores[row])))
                if len(matches) == top:
                    break
        return matches

    def read_inputs(self, candidate: Candidate) -> Mapping[str, Input]:
        """What to read for something that was found. Raises UsageError if it is not there any more."""
        return read_found(self._project, self._encoder.senses, candidate, self._among)

    def confirm(self, found: Sequence[Candidate], answer: str) -> int | None:
        """Give what was found an answer, as one change. Files and stretches become examples. Returns its id."""
        with self._project.store.staging() as staging:
            new = [self._to_example(each, staging) for each in found if not _is_whole_example(each)]
            staging.flush()
            with self._project.database.writing() as connection:
                column = require_column(find_answer_column(connection))
                cell = check_answer(column, answer)
                classes = check_classes(column, cell)
                what = f"put {format_count(len(found), 'similar example')} into {shorten(column.stratum(cell) or cell)}"
                change = begin_change(connection, self._project.who, what)
                edits = edit_new_classes(connection, classes)
                edits += [
                    Edit("answer", each.example, column.heading, None, cell)
                    for each in found
                    if _is_whole_example(each)
                ]
                done = make_edits(connection, change, edits)
                if new:
                    named = [NewExample(name, files, span, {column.heading: cell}) for name, files, span in new]
                    add_staged(connection, self._project.store, staging, named, (change, done), "")
                    describe_change(connection, change, what)
                return discard_if_empty(connection, change)

    def _to_example(self, found: Candidate, staging: Staging) -> tuple[str, Mapping[str, StoredFile], Span | None]:
        if found.example is not None:
            example = self._project.example(found.example)
            known = {sense: file for sense, file in example.inputs.items() if sense in self._encoder.senses}
            return example.name, known, found.span_s
        inputs = self.read_inputs(found)
        files = {sense: staging.add(path_of(source)) for sense, source in inputs.items()}
        return Path(found.file).name, files, find_span(inputs.values())

    def _choose_window(self) -> float | None:
        """Only recordings are cut, and only if nothing else has to be aligned with them."""
        if len(self._encoder.senses) > 1:
            return None
        ((sense, source),) = self.query_inputs.items()
        if SENSES[sense].pitch_s is None:
            return None
        seconds = SENSES[sense].grid(SENSES[sense].read(source)).duration_s
        return min(WINDOWS_S, key=lambda window_s: abs(math.log(window_s / seconds)))

    def _own_places(self) -> list[Candidate]:
        """What is looked for itself, and the stretches that have an answer already."""
        wanted = self._wanted
        own = [Candidate(wanted.example, span_s=wanted.span_s)] if wanted.example is not None else []
        if wanted.path is not None and self._among is not None:
            own += [
                candidate._replace(span_s=wanted.span_s)
                for item, candidate in self._places
                if any(path_of(source).resolve() == wanted.path.resolve() for source in item.inputs.values())
            ]
        return own if self._among is not None or self._pool is not None else own + self._answered_stretches()

    def _answered_stretches(self) -> list[Candidate]:
        """Examples that are a stretch of a recording which is searched, as stretches of that."""
        part, link = example_table.alias(), input_table.alias()
        select = (
            sa.select(example_table.c.id, part.c.start_s, part.c.end_s)
            .join(input_table, input_table.c.example_id == example_table.c.id)
            .join(link, link.c.sha256 == input_table.c.sha256)
            .join(part, part.c.id == link.c.example_id)
            .where(example_table.c.start_s.is_(None), part.c.start_s.is_not(None))
            .where(part.c.removed.is_(False), example_table.c.removed.is_(False))
        )
        with self._project.database.reading() as connection:
            rows = connection.execute(select).all()
        return [Candidate(number, span_s=(start_s, end_s)) for number, start_s, end_s in rows]

    def _find_vector(self, found: Candidate, features: Features) -> Array:
        """The vector of a candidate, from the cache if it is there."""
        place = self._place_by_candidate.get(found._replace(span_s=None))
        if place is not None:
            rows = np.flatnonzero(features.owners == place)
            spans = features.spans_s[rows]
            own = np.isnan(spans[:, 0]) if found.span_s is None else np.abs(spans - found.span_s).max(1) < SAME_S
            if own.any():
                vector: Array = features.vectors[rows[own][0]]
                return vector
        return embed_one(self._encoder, self.read_inputs(found), str(found))

    @cached_property
    def _place_by_candidate(self) -> Mapping[Candidate, int]:
        return {candidate: place for place, (_, candidate) in enumerate(self._places)}


def read_query(project: Project, senses: Sequence[str], wanted: LookFor) -> tuple[str, Mapping[str, Any]]:
    """(the name of what is looked for; by sense, a file, an excerpt of one, or the pixels in a box).

    Raises UsageError for what does not exist, InputError for a picture that cannot be read.
    """
    inputs: Mapping[str, Any]
    if wanted.example is not None:
        example = project.example(wanted.example)
        name, inputs = example.name, _locate(project, senses, example.inputs, wanted.span_s or example.span_s)
    elif wanted.answer is not None:
        kept = project.review.get(wanted.answer)
        name, inputs = kept.name, _locate(project, senses, kept.inputs, wanted.span_s or kept.span_s)
    elif wanted.inputs is not None:
        name, inputs = "the file", wanted.inputs
    elif wanted.path is not None:
        name, inputs = wanted.path.name, {sense: take_span(wanted.path, wanted.span_s) for sense in senses}
    else:
        raise UsageError("nothing to look for", allowed="an example, a kept answer or a file")
    if not inputs:
        raise UsageError("the model reads nothing of this example", where=name, allowed=", ".join(senses))
    return name, inputs if wanted.box is None else _crop(inputs, wanted.box)


def read_found(
    project: Project, senses: Sequence[str], candidate: Candidate, among: Path | None
) -> Mapping[str, Input]:
    """What to read for something that a search found. Raises UsageError if it is not there any more."""
    if candidate.example is not None:
        example = project.example(candidate.example)
        return _locate(project, senses, example.inputs, candidate.span_s or example.span_s)
    if among is None:
        raise UsageError("a file without the place where it was found", hint="name the folder or archive")
    inputs = find_file(among, candidate.file, senses, project.place.folder / FOLDER)
    if candidate.span_s is None:
        return inputs
    return {sense: Excerpt(path_of(source), *candidate.span_s) for sense, source in inputs.items()}


class _Taken:
    """What is not to be found again: neither itself, nor a stretch that overlaps it."""

    def __init__(self, known: Iterable[Candidate]) -> None:
        self._whole: set[Candidate] = set()
        self._stretches: dict[Candidate, list[Span]] = {}
        for each in known:
            self.add(each)

    def add(self, found: Candidate) -> bool:
        """Whether it is new."""
        whole = found._replace(span_s=None)
        if whole in self._whole:
            return False
        if found.span_s is None:
            self._whole.add(whole)
            return True
        spans = self._stretches.setdefault(whole, [])
        start_s, end_s = found.span_s
        if any(start_s < other_end_s and other_start_s < end_s for other_start_s, other_end_s in spans):
            return False
        spans.append(found.span_s)
        return True


def _is_whole_example(found: Candidate) -> bool:
    return found.example is not None and found.span_s is None


def _locate(
    project: Project, senses: Sequence[str], files: Mapping[str, StoredFile], span_s: Span | None
) -> dict[str, Input]:
    """What these senses read of the files of an example."""
    return {sense: take_span(project.path(files[sense]), span_s) for sense in senses if sense in files}


def _crop(inputs: Mapping[str, Input], box: Box) -> Mapping[str, Any]:
    """The part of the picture in a box. Raises UsageError for a box outside of it, or if there is no picture."""
    sense = next((sense for sense in inputs if SENSES[sense].pitch_s is None), None)
    if sense is None:
        raise UsageError("a box in something that is no picture", hint="name a stretch instead")
    picture = SENSES[sense].read(inputs[sense])  # (H, W, C)
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(edge) for edge in box)
    left, right = max(0, left), min(width, right)
    top, bottom = max(0, top), min(height, bottom)
    if not (left < right and top < bottom):
        allowed = f"left, top, right, bottom within {width} x {height} px"
        raise UsageError(f"the box {box}", allowed=allowed)
    return {sense: picture[top:bottom, left:right]}


class VersionEncoder:
    """The encoder of a version, which is loaded."""

    def __init__(self, recogniser: Recogniser, sha256: str) -> None:
        self.name, self.senses = f"version-{sha256[:16]}", tuple(recogniser.recipe.senses)
        self.embed = recogniser.predictor.embed


class SearchKeywords(TypedDict, total=False):
    """The keywords of `find_similar`."""

    among: str | Path | None
    yes: Iterable[Candidate]
    no: Iterable[Candidate]
    top: int
    listen: Listener


def find_similar(
    project: Project,
    wanted: int | str | Path | LookFor,
    *,
    among: str | Path | None = None,
    yes: Iterable[Candidate] = (),
    no: Iterable[Candidate] = (),
    top: int = TOP,
    listen: Listener = ignore_events,
) -> Sequence[Match]:
    """Find more like an example, by its number, a kept answer or a file; the most similar first.

    among     a folder, an archive or a file to search; by default the examples without an answer
    yes, no   what was found before and is or is not what was looked for: they improve the order

    Features are computed by the version that answers, or by a pretrained encoder while there is none, and kept.
    """
    search = search_similar(project, wanted, among=among)
    listen(Skipped(search.compute(listen)))
    return search.rank(yes, no, top=top)


def search_similar(
    project: Project,
    wanted: int | str | Path | LookFor,
    *,
    among: str | Path | None = None,
    encoder: Encoder | None = None,
    pool: Sequence[int] | None = None,
) -> SimilaritySearch:
    """A search for more like an example, a kept answer or a file. `encoder` is one that is loaded already; `pool` are
    the ids of the examples that are searched, by default those without an answer."""
    if isinstance(wanted, int):
        wanted = LookFor(example=wanted)
    elif not isinstance(wanted, LookFor):
        wanted = LookFor(path=Path(wanted))
    return SimilaritySearch(
        project, encoder or load_encoder(project), wanted, None if among is None else Path(among), pool
    )


def load_encoder(project: Project) -> Encoder:
    """The encoder of the version that answers, or a pretrained one. Raises UsageError if there is neither."""
    from seehear.encoders import load_pretrained_encoder

    version = project.versions.served()
    if version is not None:
        return VersionEncoder(project.versions.load(version.number), version.sha256)
    return load_pretrained_encoder(project.setting("senses") or tuple(SENSES))

"""Find more like this: by handmade features (brightness, loudness), so that the right order is known."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import tiny
from made_projects import make_project
from seehear.api import Recogniser
from seehear.errors import SeehearError, UsageError
from seehear.projects import Candidate, LookFor, Project, Query
from seehear.projects.relevance import rank_by_examples
from seehear.projects.similar import FOLDER, VersionEncoder, search_similar


class Counting(VersionEncoder):
    """Counts what it embeds."""

    def __init__(self, sense: str, sha256: str = "1" * 64) -> None:
        super().__init__(Recogniser(tiny.bundle(sense)), sha256)
        self.embedded = 0
        own = self.embed

        def embed(examples: Iterable[Any]) -> Iterator[Any]:
            for each in own(examples):
                self.embedded += 1
                yield each

        self.embed = embed


def write_picture(path: Path, brightness: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(tiny.picture(brightness)[:, :, 0]).save(path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Four classes' worth of brightness without an answer, and one bright example with one."""
    with make_project(tmp_path / "home") as made:
        made.add([write_picture(tmp_path / f"{b:.2f}.png", b) for b in (0.1, 0.5, 0.8, 0.85, 0.95)])
        made.add([write_picture(tmp_path / "query.png", 0.9)], "bright")
        yield made


@pytest.fixture
def sounds(tmp_path: Path) -> Iterator[Project]:
    """A recording of 10 s that is loud from 3 to 4 s and from 7 to 8 s, and an example of half a second."""
    samples = np.full(160_000, 0.05, np.float32)
    samples[48_000:64_000] = samples[112_000:128_000] = 0.9
    soundfile.write(tmp_path / "long.wav", samples, 16_000)
    soundfile.write(tmp_path / "short.wav", np.full(16_000, 0.9, np.float32), 16_000)
    with make_project(tmp_path / "home") as made:
        made.add([tmp_path / "long.wav"])
        made.add([tmp_path / "short.wav"], "loud")
        yield made


def names(matches: Iterable[Any]) -> list[str]:
    return [each.name for each in matches]


def test_the_most_similar_come_first_and_features_are_computed_once(project: Project) -> None:
    encoder = Counting("image")
    search = search_similar(project, 6, encoder=encoder)
    for _ in range(2):
        assert not search.compute()
        assert names(search.rank())[:3] == ["0.85.png", "0.95.png", "0.80.png"]
        assert len(search.rank()) == 5
    assert encoder.embedded == 5 + 1  # and the query, which is not kept
    assert search.count_missing() == 0
    assert search_similar(project, 6, encoder=Counting("image", "2" * 64)).count_missing() == 5


def test_a_deleted_or_damaged_cache_is_computed_again(project: Project) -> None:
    encoder = Counting("image")
    search_similar(project, 6, encoder=encoder).compute()
    (block,) = (project.place.folder / FOLDER).rglob("*.npz")
    block.write_bytes(block.read_bytes()[:100])
    search = search_similar(project, 6, encoder=encoder)
    assert search.count_missing() == 5
    search.compute()
    assert len(search.rank()) == 5


def test_what_is_confirmed_becomes_one_change_that_can_be_undone(project: Project) -> None:
    search = search_similar(project, 6, encoder=Counting("image"))
    search.compute()
    found = [each.candidate for each in search.rank(top=2)]
    change = search.confirm(found, "bright")
    assert change is not None
    assert project.history(limit=1)[0].what == "put 2 similar examples into 'bright'"
    assert len(project.find(Query(stratum="bright"))) == 3
    project.undo(change)
    assert len(project.find(Query(stratum="bright"))) == 1


def test_confirming_embeds_nothing(project: Project) -> None:
    search = search_similar(project, 6, encoder=Counting("image"))
    search.compute()
    found = [each.candidate for each in search.rank(top=1)]
    encoder = Counting("image")
    search_similar(project, 6, encoder=encoder).confirm(found, "bright")
    assert encoder.embedded == 0


def test_the_classes_of_regions_that_are_confirmed_are_classes_of_the_project(tmp_path: Path) -> None:
    with Project.create("Cells", answer="boxes", home=tmp_path / "home") as project:
        project.add([write_picture(tmp_path / f"{b:.2f}.png", b) for b in (0.1, 0.9)])
        search = search_similar(project, 2, encoder=Counting("image"))
        search.compute()
        cell = json.dumps([{"label": "nucleus", "xyxy": [1, 1, 4, 4]}])
        search.confirm([each.candidate for each in search.rank()], cell)
        assert project.example(1).answers == {"boxes": cell}
        assert project.classes() == ["nucleus"]


def test_what_was_refused_is_not_found_again_and_moves_the_order(project: Project) -> None:
    search = search_similar(project, 6, encoder=Counting("image"))
    search.compute()
    before = search.rank()
    after = search.rank(yes=[before[1].candidate], no=[before[0].candidate])
    assert not {before[0].candidate, before[1].candidate} & {each.candidate for each in after}
    assert len(after) == 3


def test_refusing_moves_the_query_away() -> None:
    vectors = np.eye(3, dtype=np.float32)
    query = np.array([[0.6, 0.6, 0.52]], np.float32)
    plain = rank_by_examples(vectors, query, np.zeros((0, 3), np.float32))
    moved = rank_by_examples(vectors, query, vectors[:1])
    assert plain[0] == plain[1] and moved[0] < 0 < moved[1]


def test_stretches_of_a_long_recording_are_found_and_become_examples(sounds: Project) -> None:
    search = search_similar(sounds, 2, encoder=Counting("audio"))
    search.compute()
    first, second = search.rank(top=2)
    assert {first.candidate.span_s, second.candidate.span_s} == {(3.0, 4.0), (7.0, 8.0)}
    assert Candidate.parse(str(first.candidate)) == first.candidate
    search.confirm([first.candidate], "loud")
    (made,) = [each for each in sounds.examples(Query(stratum="loud")) if each.span_s is not None]
    assert made.span_s == first.candidate.span_s
    again = search_similar(sounds, 2, encoder=Counting("audio")).rank(top=1)
    assert again[0].candidate == second.candidate  # what overlaps an example that has an answer is not found again
    assert sounds.history(limit=1)[0].what == "put 1 similar example into 'loud'"


def test_a_stretch_can_be_looked_for(sounds: Project) -> None:
    search = search_similar(sounds, LookFor(example=1, span_s=(3.0, 4.0)), encoder=Counting("audio"))
    search.compute()
    assert search.rank(top=1)[0].candidate.span_s == (7.0, 8.0)


def test_a_box_of_a_picture_can_be_looked_for(project: Project, tmp_path: Path) -> None:
    half = np.concatenate([tiny.picture(0.1, (8, 4)), tiny.picture(0.95, (8, 4))], 1)[:, :, 0]
    Image.fromarray(half).save(tmp_path / "half.png")
    for box, found in (((4, 0, 8, 8), "0.95.png"), ((0, 0, 4, 8), "0.10.png")):
        wanted = LookFor(path=tmp_path / "half.png", box=box)
        search = search_similar(project, wanted, encoder=Counting("image"))
        search.compute()
        assert search.rank(top=1)[0].name == found
    with pytest.raises(UsageError, match="within 8 x 8 px"):
        search_similar(project, LookFor(path=tmp_path / "half.png", box=(9, 0, 12, 8)), encoder=Counting("image"))


@pytest.mark.parametrize("packed", (False, True))
def test_files_outside_of_the_project_are_searched_and_added(project: Project, tmp_path: Path, packed: bool) -> None:
    data = tmp_path / "data"
    for name, brightness in (("a/one.png", 0.2), ("b/two.png", 0.92)):
        write_picture(data / name, brightness)
    (data / "broken.png").write_bytes(b"no picture")
    (data / "notes.txt").write_text("nothing")
    if packed:
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
            for path in data.rglob("*.*"):
                archive.write(path, path.relative_to(data))
        data = tmp_path / "data.zip"
    encoder = Counting("image")
    search = search_similar(project, 6, among=data, encoder=encoder)
    (problem,) = search.compute()
    assert problem.where == "broken.png" and str(tmp_path) not in problem.what
    assert [str(each.candidate) for each in search.rank()] == [":b/two.png", ":a/one.png"]
    search.confirm([search.rank()[0].candidate], "bright")
    (found,) = project.examples(Query(search="two.png"))
    assert found.answers == {"label": "bright"}
    again = search_similar(project, 6, among=data, encoder=encoder)
    assert again.count_missing() == 1  # the broken one is tried again


@pytest.mark.parametrize("text", ("", "x", "1@2", "@1-2", "12:a.png", "9" * 30, "1@nan-2"))
def test_what_no_search_printed_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="nothing was found under"):
        Candidate.parse(text)


def test_what_does_not_exist_is_named(project: Project, tmp_path: Path) -> None:
    encoder = Counting("image")
    with pytest.raises(UsageError, match="no example 99"):
        search_similar(project, 99, encoder=encoder)
    with pytest.raises(UsageError, match="no such file or folder"):
        search_similar(project, 6, among=tmp_path / "nowhere", encoder=encoder).rank()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("x")
    with pytest.raises(UsageError, match="no picture in it"):
        search_similar(project, 6, among=tmp_path / "text", encoder=encoder).rank()
    with pytest.raises(SeehearError, match=r"broken\.png"):
        (tmp_path / "broken.png").write_bytes(b"x")
        search_similar(project, tmp_path / "broken.png", encoder=encoder).compute()

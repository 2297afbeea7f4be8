"""Training jobs without training: the queue, what survives a crash at any point, and the versions that come out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tiny
from made_projects import make_dark_and_bright
from pretended_training import RESULT, hold_jobs
from seehear import api
from seehear.errors import BundleError, DataError, UsageError, WorseError
from seehear.events import Advanced, Notice, Started
from seehear.measure import comparison
from seehear.projects import Project, job_process, jobs, versions
from seehear.projects.job_locks import INHERITS, holding
from seehear.projects.job_process import run_job
from seehear.projects.training_data import choose_parts, read_parts
from seehear.recipe import Promise
from seehear.runtime.bundle import write_bundle


class Killed(BaseException):
    """As SIGKILL for the files and the database: nothing runs after it."""


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that would have got a process."""
    return hold_jobs(monkeypatch)


@pytest.fixture
def project(tmp_path: Path, spawned: list[str], database: str | None) -> Iterator[Project]:
    """16 pictures, dark or bright, and jobs that get no process."""
    with make_dark_and_bright(tmp_path / "home", database) as made:
        yield made


def train_at_once(
    monkeypatch: pytest.MonkeyPatch, classes: tuple[str, str] = tiny.CLASSES
) -> list[tuple[dict[str, str], bool]]:
    """Replace training by a handmade model; the list gets the parts and whether it resumed, of each training."""
    calls = []

    def train(data: Path, out: Path, *, resume: bool, listen: Any, **_options: Any) -> None:
        calls.append((read_parts(data), resume))
        listen(Started("training", 4, "steps"))
        listen(Advanced("training", 2, "loss 0.5"))
        listen(Notice("trained"))
        answer = {"classes": classes, "several": False, "counts": (10, 10)}
        write_bundle(out, tiny.bundle(answer=answer, results={"image": RESULT}))

    monkeypatch.setattr(api, "train", train)
    return calls  # type: ignore[return-value]


def test_a_job_makes_a_version_and_the_first_one_answers(
    project: Project, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_at_once(monkeypatch)
    job = project.jobs.start(steps=4)
    assert (job.state, job.options, job.asked_by, spawned) == ("waiting", {"steps": 4}, "anna", ["job-1"])
    run_job(project, job.id)
    job = project.jobs.get(job.id)
    assert job.error == ""
    (version,) = project.versions.list()
    assert (job.state, job.version, job.finished) == ("done", 1, True)
    assert version.served and project.versions.served() == version
    assert (version.learned, version.held_out) == (12, 4)
    assert version.figures["value"] == 0.75 and version.figures["metric"] == "accuracy"
    assert version.card == "# Dark or bright?\n" and version.made_by == "anna"
    assert str(project.versions.load(1).predict(tiny.picture(0.9)).answer) == "bright"
    train_at_once(monkeypatch)
    run_job(project, project.jobs.start(steps=4).id)
    assert project.versions.served() == version


def test_a_job_whose_process_is_starting_gets_no_second_one(
    project: Project, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Starting:
        def __init__(self, _project: Path, place: jobs.JobPlace, _lock: int) -> None:
            spawned.append(place.folder.name)

        def poll(self) -> int | None:
            return 0 if "ended" in spawned else None

    monkeypatch.setattr(jobs, "_spawn", Starting)
    project.jobs.start(steps=4)
    for _ in range(3):
        project.jobs.restart()  # as `watch` does, before the process holds its lock
    assert spawned == ["job-1"]
    spawned.append("ended")
    project.jobs.restart()
    assert spawned == ["job-1", "ended", "job-1"]


@pytest.mark.skipif(not INHERITS, reason="locks are not inherited here")
def test_other_programs_see_that_a_process_is_starting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start_slowly(_project: Path, _place: jobs.JobPlace, lock: int) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock,)))
        return started[0]

    monkeypatch.setattr(jobs, "_spawn", start_slowly)
    job = project.jobs.start(steps=4)
    try:
        assert job.alive
        monkeypatch.setattr(jobs, "_children", {})  # as in another program
        assert project.jobs.restart() == []
    finally:
        started[0].kill()
        started[0].wait()
    assert not project.jobs.get(job.id).alive


def test_what_was_held_out_stays_so_and_new_examples_are_shared_out(project: Project, tmp_path: Path) -> None:
    parts = choose_parts(project, {})
    held_out = [number for number, part in parts.items() if part == "val"]
    assert len(parts) == 16 and len(held_out) == 4
    project.set_part(held_out, "val")
    project.set_part([number for number in parts if number not in held_out], "train")
    assert not choose_parts(project, {})
    paths = [tmp_path / f"new-{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        Image.fromarray(tiny.picture(0.5 + number / 100)[:, :, 0]).save(path)
    new = project.add(paths, "bright").ids
    assert sorted(choose_parts(project, {}).values()) == ["train"] * 6 + ["val"] * 2
    assert choose_parts(project, {}).keys() == {*new}


def test_so_many_are_held_out_that_a_promised_coverage_can_be_given(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def share(_cells: Any, _kind: Any, wrong_at_most: float | None, promise: Promise | None) -> float:
        assert wrong_at_most == 0.1
        return 0.25 if promise is None else promise.coverage / 2

    monkeypatch.setattr("seehear.planning.plan.choose_held_out_share", share)
    assert list(choose_parts(project, {"wrong_at_most": 0.1}).values()).count("val") == 4
    promised = choose_parts(project, {"wrong_at_most": 0.1, "coverage": 0.9, "device": "cpu"})
    assert list(promised.values()).count("val") == 7


def test_examples_of_one_group_stay_on_one_side(project: Project) -> None:
    every = project.find()
    project.set_group(every[:3], "Ida")
    project.set_part(every[:1], "val")
    parts = choose_parts(project, {})
    assert [parts[number] for number in every[1:3]] == ["val", "val"]


def test_a_process_that_was_killed_before_its_version_was_written_loses_nothing(
    project: Project, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = train_at_once(monkeypatch)
    publish = versions.publish_version

    def killed(*_arguments: Any) -> int:
        raise Killed

    job = project.jobs.start(steps=4)
    monkeypatch.setattr(job_process, "publish_version", killed)
    with pytest.raises(Killed):
        run_job(project, job.id)
    assert project.jobs.get(job.id).state == "running" and not project.versions.list()
    project.jobs.restart()
    assert spawned == ["job-1", "job-1"]
    monkeypatch.setattr(job_process, "publish_version", publish)
    run_job(project, job.id)
    assert len(calls) == 1  # the model file was complete
    assert project.jobs.get(job.id).version == 1


def test_a_run_that_was_interrupted_goes_on_with_the_same_examples(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = train_at_once(monkeypatch)
    train = api.train

    def interrupted(data: Path, out: Path, **options: Any) -> None:
        (run := Path(f"{out}.run")).mkdir()
        (run / "run.json").write_text("{}")
        raise KeyboardInterrupt

    job = project.jobs.start(steps=4)
    monkeypatch.setattr(api, "train", interrupted)
    run_job(project, job.id)
    assert project.jobs.get(job.id).state == "running"
    project.remove(project.find()[:2])
    monkeypatch.setattr(api, "train", train)
    run_job(project, job.id)
    ((parts, resumed),) = calls
    assert resumed and len(parts) == 16


def test_a_job_that_fails_says_why_in_the_words_of_the_command_line(tmp_path: Path, project: Project) -> None:
    project.remove(project.find())
    job = project.jobs.start(steps=4)
    run_job(project, job.id)
    job = project.jobs.get(job.id)
    assert job.state == "failed" and job.error.startswith("boards: there is nothing to learn from yet. Next: add")
    *_, (last, _) = project.jobs.watch(job.id)
    assert last["job"]["error"] == job.error
    assert project.jobs.resume(job.id).state == "waiting"


def test_jobs_that_die_again_and_again_fail(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_arguments: Any) -> int:
        raise Killed

    job = project.jobs.start(steps=4)
    monkeypatch.setattr(job_process, "_train", die)
    for _ in range(6):
        with pytest.raises(Killed):
            run_job(project, job.id)
    run_job(project, job.id)
    assert "its process was killed 6 times, perhaps because it ran out of memory" in project.jobs.get(job.id).error


def test_jobs_take_turns_and_a_dead_one_does_not_block(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    train_at_once(monkeypatch)
    monkeypatch.setattr(job_process, "TURN_S", 0.01)
    first, second = project.jobs.start(steps=1), project.jobs.start(steps=2)

    def cancel_second(_s: float) -> None:
        project.jobs.cancel(second.id)

    with holding(project.jobs.place(first.id).lock), monkeypatch.context() as patched:
        assert project.jobs.get(first.id).alive
        patched.setattr("seehear.projects.job_process.time.sleep", cancel_second)  # it would wait for the first one
        run_job(project, second.id)
    assert project.jobs.get(second.id).state == "cancelled"
    third = project.jobs.start(steps=3)
    run_job(project, third.id)  # the first one has no process
    assert project.jobs.get(third.id).state == "done"
    assert [job.id for job in project.jobs.unfinished()] == [first.id]


def test_progress_can_be_read_by_any_process(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    train_at_once(monkeypatch)
    job = project.jobs.start(steps=4)
    place = project.jobs.place(job.id)
    place.folder.mkdir(exist_ok=True)
    place.progress.write_text('{"event": "notice", "te')  # of a process that was killed
    run_job(project, job.id)
    records = [record for record, _ in project.jobs.watch(job.id)]
    assert [record["event"] for record in records] == [
        *("running", "started", "advanced", "notice", "version", "state"),
    ]
    assert (records[2]["done"], records[2]["note"]) == (2, "loss 0.5")
    _, position = list(project.jobs.watch(job.id))[2]
    assert [record["event"] for record, _ in project.jobs.watch(job.id, position)] == ["notice", "version", "state"]
    json.dumps(project.jobs.get(job.id).to_json(), allow_nan=False)


def test_a_plan_says_what_a_training_would_do_and_writes_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = []

    def plan(data: Path, **options: Any) -> Any:
        planned.append((len(read_parts(data)), options["minutes"], options["answer"]))
        return tiny.recipe()

    monkeypatch.setattr(api, "plan", plan)
    found = project.jobs.plan(minutes=3)
    assert (found.learned, found.held_out, planned) == (12, 4, [(16, 3, "label:label")])
    assert project.counts().parts == {"": 16} and not project.jobs.list()


def test_wrong_options_are_refused_at_once(project: Project) -> None:
    with pytest.raises(UsageError, match=r"no option 'epochs' for a training. Allowed: minutes, steps"):
        project.jobs.start(epochs=3)
    with pytest.raises(UsageError, match="--minutes -1"):
        project.jobs.start(minutes=-1)
    with pytest.raises(UsageError, match="there is no job 7"):
        project.jobs.get(7)
    for _ in range(jobs.MOST_WAITING):
        project.jobs.start()
    with pytest.raises(UsageError, match="20 trainings are waiting"):
        project.jobs.start()


def test_promoting_and_rolling_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    train_at_once(monkeypatch)
    for _ in range(3):
        run_job(project, project.jobs.start(steps=4).id)
    made = project.versions
    made.promote(2)
    made.promote(3)
    assert [each.served for each in made.list()] == [True, False, False]
    assert (made.roll_back().version.number, made.roll_back().version.number) == (2, 1)
    with pytest.raises(UsageError, match="no version answered before this one"):
        made.roll_back()
    assert project.history()[0].what == "rolled back from version 2 to version 1"
    made.promote(3)
    project.undo()  # by the same person
    assert made.served() == made.get(1)
    made.get(2).path.write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"job-2.seehear: was changed since it was trained"):
        made.promote(2)
    assert made.served() == made.get(1)
    with pytest.raises(UsageError, match=r"there is no version 9. Allowed: 3, 2, 1"):
        made.promote(9)


def test_versions_are_compared_on_what_neither_learned_from(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "choose_resamples", lambda _scored: 20)
    train_at_once(monkeypatch, tiny.CLASSES[::-1])
    run_job(project, project.jobs.start(steps=4).id)
    train_at_once(monkeypatch)
    run_job(project, project.jobs.start(steps=4).id)
    found = project.versions.compare(1, 2)
    compared = project.versions.get(2).figures["compared"]  # with the one that answered
    assert (compared["with"], compared["difference"], compared["reviewed"]) == (1, 1.0, 0)
    assert "compared" not in project.versions.get(1).figures
    assert (found.n, found.difference.value, found.verdict) == (4, 1.0, "not distinguishable")
    assert found.names == ("version 1", "version 2")
    assert {flip.key.split("-")[0] for flip in found.flips} == {"dark", "bright"}
    held_out = [each.id for each in project.examples(limit=None) if each.part == "val"]
    project.remove(held_out[:1])
    assert project.versions.compare(1, 2).left_out == (
        "Left out: 1 held-out example of a version that the project has no longer.",
    )
    project.remove(held_out)
    with pytest.raises(DataError, match="no example that neither version 1 nor version 2 learned from"):
        project.versions.compare(1, 2)


def test_a_version_that_is_worse_is_promoted_only_on_request(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "choose_resamples", lambda _scored: 20)
    monkeypatch.setattr(comparison, "FEWEST", 3)  # four examples are held out
    monkeypatch.setattr(comparison, "SIGNIFICANCE", 0.2)
    train_at_once(monkeypatch)
    run_job(project, project.jobs.start(steps=4).id)
    train_at_once(monkeypatch, tiny.CLASSES[::-1])
    run_job(project, project.jobs.start(steps=4).id)
    made = project.versions
    assert made.get(2).figures["compared"]["verdict"] == "worse"
    with pytest.raises(WorseError, match=r"version 2 is worse than version 1, which answers. Next: .* give --yes"):
        made.promote(2)
    made.promote(2, although_worse=True)
    made.promote(1)  # compared now, and found to be better
    run_job(project, project.jobs.start(steps=4).id)
    made.promote(2, although_worse=True)
    made.promote(3)  # never compared with version 2, which answers: it is as bad
    assert made.served() == made.get(3)


def test_a_version_whose_file_is_gone_does_not_answer(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    train_at_once(monkeypatch)
    for _ in range(2):
        run_job(project, project.jobs.start(steps=4).id)
    project.versions.get(1).path.unlink()
    assert project.versions.served() is None
    gone = project.versions.get(1)
    assert gone.problem == f"its file {gone.path} is gone: restore it from a backup, or promote another version"
    with pytest.raises(BundleError, match=r"job-1.seehear: cannot be read: .* Next: restore it from a backup"):
        project.versions.load(1)
    run_job(project, project.jobs.start(steps=4).id)  # there is nothing to compare it with
    assert project.jobs.get(3).state == "done"
    project.versions.promote(2)
    assert project.versions.served() == project.versions.get(2)


def test_what_one_person_requests_again_is_the_same_job(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    train_at_once(monkeypatch)
    first = project.jobs.start_once(steps=4, seed=1)
    assert [project.jobs.start_once(seed=1, steps=4).id for _ in range(3)] == [first.id] * 3
    assert project.as_person("ben").jobs.start_once(seed=1, steps=4).id != first.id
    assert project.jobs.start_once(steps=5).id != first.id
    run_job(project, first.id)
    assert project.jobs.start_once(steps=4, seed=1).id == 4

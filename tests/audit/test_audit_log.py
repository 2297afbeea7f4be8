"""The audit log: nothing in it can be changed unseen, whoever writes it and however they end."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seehear.audit import AuditLog, LogCheck, verify
from seehear.audit.entries import MOST_LINE_BYTES, NOTHING, START
from seehear.audit.segments import find_segments
from seehear.errors import SeehearError, UsageError


@pytest.fixture(scope="module", autouse=True)
def no_power_cuts():
    """Nothing here loses power, and waiting for the disk takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


FIRST = datetime(2026, 11, 30, 23, 59, 0, tzinfo=UTC)


def clock(step: timedelta = timedelta(seconds=1)) -> Callable[[], datetime]:
    times = iter(FIRST + step * n for n in range(1_000_000))
    return lambda: next(times)


def write(path: Path, entries: int, **how: object) -> list[str]:
    """Hashes of the entries."""
    log = AuditLog(path, clock=clock(), **how)  # type: ignore[arg-type]
    hashes = [log.append("answer", {"accepted": n % 2 == 0, "reason": "ä"}).hash for n in range(entries)]
    log.close()
    return hashes


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("log") / "answers.jsonl"
    write(path, 8)
    return path.read_bytes()


def check(folder: Path, content: bytes, **kept: str) -> LogCheck:
    path = folder / "answers.jsonl"
    path.write_bytes(content)
    return verify(path, **kept)


def test_entries_are_lines_of_json_that_hold_the_hash_of_the_one_before(tmp_path):
    path = tmp_path / "answers.jsonl"
    hashes = write(path, 3)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["hash"] for line in lines] == hashes
    assert [line["previous"] for line in lines] == [START, *hashes[:2]]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert lines[0]["at"] == "2026-11-30T23:59:00.000000+00:00"
    found = verify(path, head=hashes[1])
    assert (found.entries, found.head, found.problem, found.torn) == (3, (3, hashes[2]), "", ())
    assert str(found).startswith(f"{path}: intact: 3 entries, 2026-11-30T23:59:00")


def test_the_log_is_readable_by_its_owner_alone(tmp_path):
    write(tmp_path / "answers.jsonl", 1)
    assert (tmp_path / "answers.jsonl").stat().st_mode & 0o077 == 0


@given(data=st.data())
def test_a_changed_removed_or_added_byte_is_found(written, tmp_path_factory, data):
    place = data.draw(st.integers(0, len(written) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    way = data.draw(st.sampled_from(("change", "remove", "insert", "append")))
    changed = {
        "change": written[:place] + byte + written[place + 1 :],
        "remove": written[:place] + written[place + 1 :],
        "insert": written[:place] + byte + written[place:],
        "append": written + byte,
    }[way]
    assume(changed != written)
    found = check(tmp_path_factory.mktemp("log"), changed)
    assert found.problem or found.torn
    last = written[:-1].rfind(b"\n") + 1
    if place < last and way != "append":
        assert found.problem  # whereas the end may be that of an entry whose writing was cut off


@given(order=st.permutations(range(8)), kept=st.integers(1, 8))
def test_removed_and_reordered_entries_are_found(written, tmp_path_factory, order, kept):
    lines = written.splitlines(keepends=True)
    shown = order[:kept]
    assume(list(shown) != list(range(kept)))  # an end that was cut off is found by --head
    found = check(tmp_path_factory.mktemp("log"), b"".join(lines[n] for n in shown))
    assert found.problem


@given(n=st.integers(0, 7), place=st.integers(0, 8))
def test_an_entry_that_is_there_twice_is_found(written, tmp_path_factory, n, place):
    lines = written.splitlines(keepends=True)
    assert check(tmp_path_factory.mktemp("log"), b"".join([*lines[:place], lines[n], *lines[place:]])).problem


def test_the_first_problem_is_named(written, tmp_path):
    lines = written.splitlines(keepends=True)
    changed = lines[2].replace(b'"accepted":true', b'"accepted":false')
    assert check(tmp_path, b"".join([*lines[:2], changed, *lines[3:]])).problem == (
        "answers.jsonl, line 3: it was changed after it was written: its content does not have its hash"
    )
    assert check(tmp_path, b"".join([*lines[:2], *lines[4:]])).problem == (
        "entries 3 to 4 are missing: answers.jsonl, line 3 has entry 5"
    )
    assert "line 2: entry 1 comes after entry 1" in check(tmp_path, b"".join([lines[0], *lines])).problem
    assert "it is not an entry" in check(tmp_path, b"\n" + written).problem
    assert "it is not an entry" in check(tmp_path, written + b"hello\n").problem


def test_an_end_that_was_cut_off_is_found_with_a_hash_that_was_kept(written, tmp_path):
    lines = written.splitlines(keepends=True)
    head = json.loads(lines[-1])["hash"]
    assert not check(tmp_path, b"".join(lines[:-2])).problem
    assert head in check(tmp_path, b"".join(lines[:-2]), head=head).problem
    assert not check(tmp_path, written, head=head).problem


def test_a_log_that_was_written_anew_is_found_with_a_hash_that_was_kept(tmp_path):
    head = write(tmp_path / "old.jsonl", 3)[-1]
    AuditLog(tmp_path / "new.jsonl").append("answer", {})
    assert verify(tmp_path / "new.jsonl", head=head).problem


def test_files_follow_each_other_by_size(tmp_path):
    path = tmp_path / "answers.jsonl"
    hashes = write(path, 12, most_bytes=1000)
    segments = find_segments(path)
    assert list(segments) == [1, 2, 3]
    assert segments[3].name == "answers.3.jsonl"
    assert not verify(path, head=hashes[0]).problem
    segments[2].unlink()
    assert "missing: answers.3.jsonl, line 1 has entry" in verify(path).problem


def test_each_month_begins_a_file_and_the_first_may_be_deleted(tmp_path):
    path = tmp_path / "answers.jsonl"
    log = AuditLog(path, clock=clock(timedelta(seconds=59)))
    hashes = [log.append("answer", {}).hash for _ in range(4)]
    assert list(find_segments(path)) == [1, 2]
    assert len(path.read_bytes().splitlines()) == 2
    path.unlink()
    assert verify(path).problem.startswith("entries 1 to 2 are missing")
    assert not verify(path, after=hashes[1]).problem
    assert verify(path, after=hashes[0]).problem
    log.append("answer", {})
    assert verify(path, after=hashes[1]).entries == 3


@given(cut=st.integers(1, 300), more=st.integers(0, 2))
def test_what_a_crash_leaves_is_told_and_not_called_forged(tmp_path_factory, cut, more):
    path = tmp_path_factory.mktemp("log") / "answers.jsonl"
    write(path, 2)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    cut = min(cut, len(whole) - first - 1)
    path.write_bytes(whole[: first + cut])
    assert not verify(path).problem
    assert len(verify(path).torn) == 1
    log = AuditLog(path)
    for _ in range(more):
        log.append("answer", {})
    found = verify(path)
    assert not found.problem
    assert len(found.torn) == (cut < len(whole) - first - 1 or not more)
    assert path.read_bytes().startswith(whole[: first + cut])  # nothing was taken away


def test_a_crash_while_a_crash_is_told(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path, 1)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"number":2,"prev')
    AuditLog(path).append("answer", {})
    told = path.read_bytes()
    for end in (*range(len(whole) + 5, len(told), 23), len(told) - 1):
        path.write_bytes(told[:end])
        if told[end - 1 : end] != b"\n":
            AuditLog(path).append("answer", {})
            assert not verify(path).problem, end


def test_a_file_that_is_no_log_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    for content in (b"dear diary\n", b"dear diary", b'{"number":1}\n', b"\n"):
        path.write_bytes(content)
        with pytest.raises(SeehearError, match=r"it is not an audit log, or its end was changed.*begin a log"):
            AuditLog(path)
        assert path.read_bytes() == content


def test_a_name_of_a_later_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"a later file of the log .*answers.jsonl"):
        AuditLog(tmp_path / "answers.2.jsonl")


def test_what_cannot_be_written_is_an_error_and_leaves_the_log_as_it_was(tmp_path):
    path = tmp_path / "answers.jsonl"
    log = AuditLog(path)
    for facts in ({"confidence": float("nan")}, {"reason": "x" * MOST_LINE_BYTES}):
        with pytest.raises(ValueError):
            log.append("answer", facts)
    assert log.head == NOTHING
    with pytest.raises(SeehearError, match="cannot be written"):
        AuditLog(tmp_path / "no" / "answers.jsonl")
    with pytest.raises(UsageError, match="there is no such log"):
        verify(tmp_path / "no.jsonl")


def test_a_log_whose_file_was_deleted_goes_on_with_its_chain(tmp_path):
    path = tmp_path / "answers.jsonl"
    log = AuditLog(path)
    last = log.append("answer", {})
    path.unlink()
    log.append("answer", {})
    assert "entry 1 is missing" in verify(path).problem
    assert not verify(path, after=last.hash).problem


def append_many(path: Path, entries: int, most_bytes: int) -> None:
    log = AuditLog(path, most_bytes=most_bytes)
    for n in range(entries):
        log.append("answer", {"process": os.getpid(), "n": n})


def test_several_processes_and_threads_write_one_chain(tmp_path):
    path = tmp_path / "answers.jsonl"
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=append_many, args=(path, 60, 4000)) for _ in range(3)]
    threads = [Thread(target=append_many, args=(path, 60, 4000)) for _ in range(2)]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for process in processes:
        process.join(30)
    found = verify(path)
    assert (found.entries, found.problem, found.torn) == (300, "", ())
    assert len(find_segments(path)) > 10


def test_one_log_is_shared_by_threads_and_goes_on_in_a_fork(tmp_path):
    path = tmp_path / "answers.jsonl"
    log = AuditLog(path)
    threads = [Thread(target=lambda: [log.append("answer", {}) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    child = multiprocessing.get_context("fork").Process(target=lambda: [log.append("child", {}) for _ in range(50)])
    child.start()
    for thread in threads:
        thread.join(30)
    child.join(30)
    assert child.exitcode == 0
    assert (verify(path).entries, verify(path).problem) == (250, "")
    assert pickle.loads(pickle.dumps(log)).head == log.head


def append_forever(path: Path, most_bytes: int) -> None:
    append_many(path, 1_000_000, most_bytes)


def test_writers_that_are_killed_leave_an_intact_log(tmp_path):
    path = tmp_path / "answers.jsonl"
    fork = multiprocessing.get_context("fork")
    for _ in range(5):
        writers = [fork.Process(target=append_forever, args=(path, 3000)) for _ in range(2)]
        for writer in writers:
            writer.start()
        before = len(find_segments(path))
        while len(find_segments(path)) < before + 5:  # not by the log, whose lock the writers hold most of the time
            time.sleep(0.001)
        for writer in writers:
            os.kill(writer.pid or 0, signal.SIGKILL)
            writer.join(10)
        found = verify(path)
        assert not found.problem
        assert len(find_segments(path)) >= before + 5

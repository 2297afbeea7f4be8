"""Reads many inputs ahead in threads and runs them in batches, in order, with few in memory at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Event
from typing import Protocol, TypeVar, cast

from seehear.senses.isolated_decoding import kill_busy_workers

A = TypeVar("A")
B = TypeVar("B")

CHUNK = 8  # inputs per task: starting a task costs as much as reading a small image
AHEAD = 4  # tasks read ahead, per thread
WINDOW = 64  # inputs among which those of similar size are batched together
WINDOW_ELEMENTS = 1 << 24
BATCH = 32
BATCH_ELEMENTS = 1 << 23
PADDING = 1.25  # how much longer the longest of a batch may be than its shortest


class Sized(Protocol):
    @property
    def elements(self) -> int: ...


S = TypeVar("S", bound=Sized)


def read_ahead(read: Callable[[A], B], items: Iterable[A], *, threads: int) -> Generator[B, None, None]:
    """map(read, items) in threads, in order, a bounded number ahead. Closing it ends the threads."""
    source = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="seehear-read")
    waiting: deque[Future[list[B]]] = deque()
    closed = Event()

    def read_all(chunk: Sequence[A]) -> list[B]:
        return [read(item) for item in chunk if not closed.is_set()]

    try:
        while True:
            while len(waiting) < AHEAD * threads and (chunk := list(islice(source, CHUNK))):
                waiting.append(pool.submit(read_all, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except KeyboardInterrupt:
        closed.set()
        kill_busy_workers()
        raise
    finally:
        closed.set()
        pool.shutdown(cancel_futures=True)


def prefetch(items: Generator[A, None, None], most: int) -> Generator[A, None, None]:
    """The items, produced in a thread, at most `most` ahead. Closing it ends the thread and closes `items`."""
    end = object()
    pool = ThreadPoolExecutor(1, thread_name_prefix="seehear-ahead")
    waiting: deque[Future[A | object]] = deque()
    try:
        while True:
            while len(waiting) < most:
                waiting.append(pool.submit(next, items, end))
            item = waiting.popleft().result()
            if item is end:
                return
            yield cast("A", item)
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()


def run_in_batches(run: Callable[[Sequence[S]], Sequence[B]], items: Iterable[S]) -> Iterator[B]:
    """The result of `run` for every item, in order. `run` gets batches of items of similar size."""
    for window in _windows(items):
        results: dict[int, B] = {}
        for batch in _batches(window):
            results.update(zip(batch, run([window[i] for i in batch]), strict=True))
        yield from (results[i] for i in range(len(window)))


def _windows(items: Iterable[S]) -> Iterator[list[S]]:
    window: list[S] = []
    elements = 0
    for item in items:
        window.append(item)
        elements += item.elements
        if len(window) == WINDOW or elements > WINDOW_ELEMENTS:
            yield window
            window, elements = [], 0
    if window:
        yield window


def _batches(window: Sequence[Sized]) -> Iterator[list[int]]:
    """Indices into the window, ordered by size, as batches that are full or would else need too much padding."""
    batch: list[int] = []
    for i in sorted(range(len(window)), key=lambda i: window[i].elements):
        size = window[i].elements
        most = min(BATCH, BATCH_ELEMENTS // max(size, 1))
        if batch and (len(batch) >= most or size > PADDING * window[batch[0]].elements):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch

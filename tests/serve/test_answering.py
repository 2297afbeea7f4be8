"""The queue: limits, lanes and callers who have gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from seehear.api import Recogniser
from seehear.errors import UsageError
from seehear.runtime.options import PredictOptions
from seehear.serve import answering
from seehear.serve.answering import Answered, Answerer, BusyError, is_long
from serving import client, picture_file, registry


class Held:
    """A recogniser that answers when it is told to."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser, self.recipe = recogniser, recogniser.recipe
        self.go, self.began, self.asked = Event(), Event(), 0

    def predict(self, inputs: Any, **options: Any) -> Any:
        self.began.set()
        assert self.go.wait(10)
        self.asked += 1
        return self._recogniser.predict(inputs, **options)


@pytest.fixture
def answerer() -> Iterator[Answerer]:
    made = Answerer(waiting=4, workers=1)
    yield made
    made.close()


def hold(models: Any) -> Any:
    held = Held(models.get().recogniser)
    return held, models.promote_loaded("bright", "bright.seehear", held)


def test_what_waits_is_bounded_and_nobody_waits_for_a_caller_who_has_gone(answerer: Answerer) -> None:
    held, model = hold(registry())
    told: list[Answered] = []
    answerer.listeners.append(told.append)

    async def ask() -> list[Any]:
        first = asyncio.create_task(answerer.answer(model, picture_file()))
        await asyncio.to_thread(held.began.wait)
        others = [asyncio.create_task(answerer.answer(model, picture_file(0.1))) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="too many requests") as busy:
            await answerer.answer(model, picture_file())
        assert busy.value.retry_after_s >= 1
        with pytest.raises(BusyError):
            answerer.check_room()
        others.pop().cancel()
        await asyncio.sleep(0.01)
        held.go.set()
        return await asyncio.gather(first, *others)

    assert [str(each.answer) for each in asyncio.run(ask())] == ["bright", "dark", "dark", "dark"]
    assert held.asked == len(told) == 4, "the one that was cancelled is not answered"
    assert all(each.took_s >= 0 for each in told)


def test_wrong_options_are_an_error_of_the_caller(answerer: Answerer) -> None:
    with pytest.raises(UsageError, match="senses smell"):
        asyncio.run(answerer.answer(registry().get(), picture_file(), PredictOptions(senses=("smell",))))


def test_large_files_and_tiles_wait_elsewhere() -> None:
    model = registry().get()
    assert not is_long(model, PredictOptions(), 1000)
    assert is_long(model, PredictOptions(tiles=True), 1000)
    assert is_long(model, PredictOptions(), answering.LONG_BYTES + 1)


def test_a_full_queue_is_503_with_the_time_to_come_back() -> None:
    models = registry()
    held, _ = hold(models)
    with client(models, waiting=0) as served:
        refused = served.post("/predict", files={"file": picture_file()})
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json() == {"error": "too many requests are waiting; try again later"}
    assert held.asked == 0

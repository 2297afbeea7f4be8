"""A new kind of answer, made as in CONTRIBUTING.md: a copy of `score/` under another name and one line in the table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest
import test_contract

import learning
from seehear import api
from seehear.answers import ANSWERS, score
from seehear.learn.data.cache import DatasetCache

SENSES = ("image",)


@pytest.fixture(scope="module")
def count(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package like score/, with three words changed."""
    folder = tmp_path_factory.mktemp("kinds")
    own = folder / "count_kind"
    copytree(Path(str(score.__file__)).parent, own, ignore=ignore_patterns("__pycache__"))
    for path in own.glob("*.py"):
        text = path.read_text(encoding="utf-8").replace("seehear.answers.score", "count_kind")
        text = text.replace('name = "score"', 'name = "count"').replace('columns = ("score"', 'columns = ("count"')
        path.write_text(text.replace('{"score": ', '{"count": '), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import count_kind

        patch.setitem(ANSWERS, "count", count_kind.ScoreKind())
        patch.setitem(learning.ANSWER_CELLS, "count", learning.ANSWER_CELLS["score"])
        yield "count"
    for name in [name for name in sys.modules if name.startswith("count_kind")]:
        del sys.modules[name]


def test_it_passes_the_contract(count: str, tmp_path: Path) -> None:
    def dataset(kind: str, senses: tuple[str, ...]) -> DatasetCache:
        return learning.dataset_of(learning.recipe_for(kind, senses), tmp_path / "+".join(senses))

    test_contract.test_a_sample_column_for_every_answer(count)
    test_contract.test_a_truth_has_a_target_and_json_and_can_be_moved(count)
    test_contract.test_every_parameter_gets_a_gradient(count, SENSES, dataset)
    test_contract.test_the_head_outputs_the_arrays_that_the_answer_reads(count, SENSES, dataset)
    test_contract.test_a_single_tile_gives_the_same_answer_as_the_whole_picture(count, SENSES, dataset)


@pytest.mark.slow
def test_it_is_found_in_a_table_trained_predicted_and_evaluated(count: str, tmp_path: Path) -> None:
    cells = [str(n) for n in range(40)]
    table = learning.digits_table(tmp_path / "data", {"count": cells}, SENSES)
    recipe = api.plan(table, steps=3)
    answer: Any = recipe.answer
    assert (recipe.kind, answer.high) == ("count", 39)
    model = api.train(table, steps=3)
    prediction = model.predict(tmp_path / "data" / "0.png")
    assert prediction.answer.to_json().keys() >= {"count"}
    evaluation = model.evaluate(table, report=tmp_path / "report")
    assert "mae" in evaluation.metrics
    assert (tmp_path / "report" / "answers.png").exists()

"""Explanations: a cue that decides is found, other weights give another map, and all that is said was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import cues
import squares
import tiny
from exports import trained
from learning import ANSWER_CELLS, ENDINGS, PAIRS, PARITY, digits_table
from seehear.api import Recogniser
from seehear.errors import UsageError
from seehear.explain.heat import PATCHES, choose_controls, find_peak, map_heat
from seehear.explain.nearest_examples import count_nearest
from seehear.explain.overlay import paint_heat
from seehear.explain.shares import share_out
from seehear.runtime.weights import read_array

CORNERS = ((6, 8), (48, 4), (28, 30), (10, 50), (50, 50))
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def marked() -> Recogniser:
    return Recogniser(cues.bundle())


def rank_correlation(one: Any, other: Any) -> float:
    """Spearman's."""
    first, second = (np.argsort(np.argsort(values.ravel())) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("corner", CORNERS)
def test_a_cue_that_decides_is_found(marked: Recogniser, corner: tuple[int, int]) -> None:
    found = marked.explain(np.asarray(cues.picture(corner)))
    heat = found.heat["image"]
    y, x = np.unravel_index(heat.on_drawn.argmax(), heat.on_drawn.shape)
    assert abs(x - corner[0] - cues.CUE_PX / 2) <= cues.CUE_PX
    assert abs(y - corner[1] - cues.CUE_PX / 2) <= cues.CUE_PX
    assert heat.raises is not None
    left, right = heat.raises.place.spans["x_px"]
    assert left <= corner[0] + cues.CUE_PX / 2 <= right
    assert found.value > 0.9
    assert heat.raises.without < 0.1
    assert heat.raises.answer == "plain"
    assert heat.raises.elsewhere == pytest.approx(found.value, abs=0.05)
    assert "without that it is" in str(found)


def test_a_picture_without_a_cue_has_no_part_that_decides(marked: Recogniser) -> None:
    assert "No single part of the picture decides" in str(marked.explain(np.full((64, 64), 90, np.uint8)))


def test_the_same_input_gives_the_same_map(marked: Recogniser) -> None:
    one, other = (marked.explain(np.asarray(cues.picture((28, 30)))) for _ in range(2))
    assert (one.heat["image"].cells == other.heat["image"].cells).all()
    assert one.to_json() == other.to_json()


def test_random_weights_give_another_map(marked: Recogniser) -> None:
    """The sanity check of Adebayo et al. 2018 (arXiv:1810.03292): a map that shows the picture would stay the same."""
    shown = np.asarray(cues.picture((28, 30)))
    learned = marked.explain(shown, of="marked").heat["image"].cells
    other_noise = marked.explain(np.asarray(cues.picture((28, 30), seed=5)), of="marked").heat["image"].cells
    assert rank_correlation(learned, other_noise) > 0.99
    correlations = []
    for seed in range(5):
        weights = np.random.default_rng(seed).normal(0, 0.02, (cues.CUE_PX, cues.CUE_PX))
        random = Recogniser(cues.bundle(weights - weights.mean())).explain(shown, of="marked").heat["image"].cells
        correlations.append(rank_correlation(learned, random))
    assert np.mean(correlations) < 0.8


def test_another_class_can_be_asked_for_and_an_unknown_one_is_refused(marked: Recogniser) -> None:
    shown = np.asarray(cues.picture((28, 30)))
    against = marked.explain(shown, of="plain")
    assert against.value < 0.1
    assert against.heat["image"].lowers is not None
    assert against.heat["image"].lowers.without > 0.9
    with pytest.raises(UsageError, match="no 'cat' in the answer 'marked'"):
        marked.explain(shown, of="cat")


def test_a_box_is_explained_by_its_object() -> None:
    found = Recogniser(squares.bundle()).explain(squares.picture([(8, 40), (48, 8)]), of="box 1")
    heat = found.heat["image"]
    assert found.prediction.answer is not None
    left, top, right, bottom = squares.boxes_of(found.prediction)[0].xyxy
    y, x = np.unravel_index(heat.on_drawn.argmax(), heat.on_drawn.shape)
    assert left <= x <= right
    assert top <= y <= bottom
    assert found.confidence is not None
    for corner_x, corner_y in ((8, 40), (48, 8)):
        assert found.confidence[corner_y + 4, corner_x + 4] > 0.5
    assert found.confidence[60, 60] < 0.1


def test_a_loud_moment_is_found_in_a_recording() -> None:
    samples = np.zeros(RATE_HZ, np.float32)
    samples[9600:12800] = 0.9 * np.sign(np.sin(2 * np.pi * 700 * np.arange(3200) / RATE_HZ))
    found = Recogniser(tiny.bundle("audio")).explain((samples, RATE_HZ), of="bright")
    raises = found.heat["audio"].raises
    assert raises is not None
    start_s, end_s = raises.place.spans["time_s"]
    assert start_s < 0.7 < end_s
    assert end_s - start_s < 0.6


def test_the_shares_of_the_senses_add_up() -> None:
    """The handmade recogniser goes by the picture if there is one, and else by the sound."""
    both = {"image": tiny.picture(0.9), "audio": (np.full(RATE_HZ, 0.4, np.float32), RATE_HZ)}
    found = Recogniser(tiny.bundle("image", "audio")).explain(both)
    value = found.quantity.stretch(found.value) - found.quantity.stretch(found.quantity.without_input)
    assert sum(found.shares.values()) == pytest.approx(value)
    assert found.shares["image"] > found.shares["audio"]
    assert "What the senses contribute" in str(found)


@pytest.mark.parametrize("outline", [(3, 4, 4, 5), (0, 0, 8, 8), (7, 7, 8, 8)])
def test_a_part_of_any_size_can_be_framed(outline: tuple[int, int, int, int]) -> None:
    for side_px in (8, 500):  # enlarged, and as it is
        painted = paint_heat(Image.new("L", (side_px, side_px)), np.zeros((side_px, side_px)), "cat", outline)
        assert painted.width >= side_px


def test_an_explained_answer_is_logged_like_any_other(tmp_path: Path) -> None:
    recogniser = Recogniser(cues.bundle())
    recogniser.log_to(tmp_path / "answers.log")
    recogniser.explain(np.asarray(cues.picture((28, 30))))
    assert "marked" in (tmp_path / "answers.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)
def test_every_answer_by_every_sense_is_explained(kind: str, senses: tuple[str, ...], tmp_path: Path) -> None:
    digits_table(tmp_path, {"label": PARITY["label"][:1]}, senses)
    given = {sense: tmp_path / f"0.{ENDINGS[sense]}" for sense in senses}
    try:
        found = trained(kind, senses).explain(given)
    except UsageError as error:  # a recogniser of four steps may find no word
        assert "nothing can be explained" in str(error)
        return
    assert set(found.heat) == set(senses)
    assert set(found.shares) == (set(senses) if len(senses) > 1 else set())
    described = json.loads(json.dumps(found.to_json()))
    assert np.isfinite(found.value)
    assert all(np.isfinite(described["heat"][sense]["cells"]).all() for sense in senses)
    painted = found.pictures()
    assert set(senses) <= set(painted)
    assert all(heat.on_drawn.shape == heat.drawn.size[::-1] for heat in found.heat.values())
    assert str(found).count("\n") >= 1


@pytest.mark.slow
def test_a_text_of_another_decoder_alone_cannot_be_explained_and_says_so() -> None:
    found = trained("text", ("audio",))
    kind, spec = found.predictor.kind, found.recipe.answer
    translated = spec.model_copy(update={"translated": True})
    assert kind.quantities(kind.read("a b", spec), {}, translated, {}) == []


def test_nearest_training_examples_are_counted_by_class() -> None:
    features = np.array([[1, 0], [2, 0.1], [0, 3], [-1, 0]], np.float16)
    content = safetensors.numpy.save({"train.features": features, "train.classes": np.array([0, 0, 1, 1], np.int32)})
    assert count_nearest(content, np.array([1, 0], np.float32), ("cat", "dog")) == {"cat": 2, "dog": 2}
    assert count_nearest(None, np.array([1, 0], np.float32), ("cat", "dog")) == {}


@pytest.mark.slow
def test_what_the_file_keeps_of_training_examples_is_what_its_graph_returns(tmp_path: Path) -> None:
    recogniser = trained("label", ("image",))
    digits_table(tmp_path, {"label": (ANSWER_CELLS["label"] * 2)[:24]}, ("image",))
    pictures = [tmp_path / f"{i}.png" for i in range(24)]
    embedded = np.stack([each.vector for each in recogniser.predictor.embed(pictures) if each.vector is not None])
    content = recogniser.predictor.features
    assert content is not None
    kept = read_array(content, "train.features")
    assert kept is not None
    vectors = kept.astype(np.float32) / np.linalg.norm(kept.astype(np.float32), axis=1, keepdims=True)
    assert (vectors @ embedded.T).max(1) == pytest.approx(1, abs=0.01)


# The parts


@given(st.integers(2, 30), st.integers(2, 30), st.data())
def test_controls_have_the_size_of_the_part_and_do_not_touch_it(rows: int, columns: int, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    block = slice(top, data.draw(st.integers(top + 1, rows))), slice(left, data.draw(st.integers(left + 1, columns)))
    hidden = np.zeros((rows, columns), np.bool_)
    hidden[block] = True
    for control in choose_controls(block, (rows, columns)):
        assert not hidden[control].any()
        assert hidden[control].shape == hidden[block].shape


@settings(max_examples=25)
@given(st.integers(2, 32), st.integers(2, 32), st.data())
def test_the_peak_of_a_linear_quantity_is_where_its_weight_is(rows: int, columns: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    check_peak((rows, columns), at)


@pytest.mark.parametrize(("shape", "at"), [((14, 2), (13, 1)), ((26, 2), (16, 0)), ((32, 2), (20, 0))])
def test_the_peak_of_a_narrow_grid_is_where_its_weight_is(shape: tuple[int, int], at: tuple[int, int]) -> None:
    check_peak(shape, at)


def check_peak(shape: tuple[int, int], at: tuple[int, int]) -> None:
    """The quantity depends on one cell."""

    def measure(hidden: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(3.0 - 3.0 * hidden[:, at[0], at[1]])

    peak = find_peak(map_heat(measure, shape))
    assert peak is not None
    for part, place, cells in zip(peak, at, shape, strict=True):
        step = -(-cells // PATCHES)
        assert part.start - step <= place < part.stop + step
        assert part.stop - part.start <= 4 * step


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=8))
def test_shapley_values_are_efficient_and_symmetric(values: list[float]) -> None:
    names = ("a", "b", "c")
    table = {frozenset(name for i, name in enumerate(names) if n >> i & 1): value for n, value in enumerate(values)}
    shares = share_out(names, lambda chosen: table[frozenset(chosen)])
    assert sum(shares.values()) == pytest.approx(table[frozenset(names)] - table[frozenset()], abs=1e-9)
    assert share_out(names, lambda chosen: float(len(chosen))) == pytest.approx(dict.fromkeys(names, 1.0))

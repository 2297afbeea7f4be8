"""Tiled prediction: how pictures are cut, and that the merged answer equals the answer to the whole."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

import tiny
from graphs import parse_graph
from present import present
from seehear import api
from seehear.answers import ANSWERS, TileOutput
from seehear.answers.boxes import Boxes, BoxesSpec
from seehear.answers.boxes.overlap import box_iou, suppress
from seehear.answers.mask import Mask, MaskSpec
from seehear.cli import run
from seehear.errors import UsageError
from seehear.geometry import Geometry, Grid, Tile, Warp
from seehear.recipe import RiskCoverageCurve, SelectivePrediction
from seehear.runtime.bundle import Bundle, write_bundle
from seehear.runtime.options import PredictOptions
from seehear.runtime.predictor import Predictor
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec
from seehear.senses.sight.tiles import LARGER_UNTILED, LEAST_SHARED, cut_tiles, split_axis

BOXES, MASK = ANSWERS["boxes"], ANSWERS["mask"]
EDGE_PX = 8  # preprocessed pixels that a head may be off at a tile's edge
SIDE = st.integers(1, 300)


def sight(usual: tuple[int, int] | None = None, **changes: Any) -> SightSpec:
    values: dict[str, Any] = {
        "height": 32,
        "width": 48,
        "channels": 1,
        "encoder": FeaturePyramid(stages=(8, 8)),
        "output_stride_px": 4,
        "training_px": usual,
    }
    return SightSpec(**values | changes)


def tiles_of(height: int, width: int, spec: SightSpec, largest_object_px: float = 0.0) -> list[Tile]:
    return cut_tiles(Grid((height, width), 1.0, "px"), spec, largest_object_px)


# --- Cutting ---------------------------------------------------------------------------------------------------------


@given(whole=SIDE, length=st.integers(2, 80), share=st.floats(0, 0.5))
@settings(max_examples=60)
def test_tiles_cover_an_axis_and_contain_whatever_fits_the_overlap(whole: int, length: int, share: float) -> None:
    shared = int(share * length)
    pieces = split_axis(whole, length, shared)
    ends = [piece.start + piece.length for piece in pieces]
    assert (pieces[0].start, max(ends), len(set(pieces))) == (0, whole, len(pieces))
    assert {piece.length for piece in pieces} == {min(whole, length)}
    for left, right in pairwise(pieces):
        assert left.after == right.before == left.start + length - right.start >= shared
    assert (pieces[0].before, pieces[-1].after) == (0, 0)
    if len(pieces) > 1:  # with one fewer, neighbours would share less
        assert (len(pieces) - 2) * (length - shared) + length < whole
    things = min(shared, whole)
    for start in range(whole - things + 1):
        assert any(p.start <= start and start + things <= p.start + p.length for p in pieces)


@given(
    height=SIDE, width=SIDE, usual=st.tuples(st.integers(8, 90), st.integers(8, 90)), largest_object_px=st.floats(0, 60)
)
@settings(max_examples=30)
def test_every_pixel_is_in_the_core_of_one_tile_with_a_margin(
    height: int, width: int, usual: tuple[int, int], largest_object_px: float
) -> None:
    owners, spec = np.zeros((height, width), int), sight(usual)
    for tile in tiles_of(height, width, spec, largest_object_px):
        owners[tile.core] += 1
        for axis, (own, place, side, whole) in enumerate(
            zip(tile.core, tile.slices, usual, (height, width), strict=True)
        ):
            assert 0 <= place.start <= own.start < own.stop <= place.stop <= whole
            around = int(LEAST_SHARED * side) // 2
            assert own.start - place.start >= around or place.start == 0, axis
            assert place.stop - own.stop >= around or place.stop == whole, axis
            assert tile.shape[axis] <= max(side, min(LARGER_UNTILED * side, whole))
    assert (owners == 1).all()


def test_an_image_about_as_large_as_the_training_images_is_one_tile() -> None:
    for height, width in ((300, 400), (375, 500), (20, 20), (375, 10)):
        assert tiles_of(height, width, sight((300, 400))) == [Tile.all_of(Grid((height, width), 1.0, "px"))]
    assert len(tiles_of(376, 400, sight((300, 400)))) == 2
    assert len(tiles_of(600, 800, sight((300, 400)))) == 9


def test_tiles_overlap_more_for_larger_objects() -> None:
    few, more, most = (
        len(tiles_of(3000, 4000, sight((300, 400)), largest_object_px)) for largest_object_px in (10, 120, 1000)
    )
    assert (few, most) == (13 * 13, 19 * 19)
    assert few < more < most


def test_a_recipe_without_training_sizes_uses_the_preprocessed_size() -> None:
    values = sight().model_dump()
    del values["training_px"]
    assert SightSpec.model_validate(values).training_shape == (32, 48)


# --- Joining: heads that are right but for what they cannot see ------------------------------------------------------

SPEC = BoxesSpec(classes=("a", "b"), counts=(9, 9), pictures=9, max_boxes=9, sides_px=(5, 9, 16))


def seen_of(things: np.ndarray, labels: np.ndarray, tile: Tile, scale: float) -> TileOutput:
    """The output of a head for a tile: objects, cut off at its edges and then taken for the other class."""
    start, end = (np.tile(each[::-1], 2) for each in (tile.start, tile.end))
    visible = np.clip(things, start, end)
    there = (visible[:, 2:] > visible[:, :2]).all(1)
    whole = (visible == things).all(1)
    logits = np.full((len(things), 2), -20.0)
    logits[np.arange(len(things)), np.where(whole, labels, 1 - labels)] = np.where(whole, 3.0, 2.0)
    raw = {"corners": (visible - start)[there] * scale, "logits": logits[there], "cells": np.zeros((there.sum(), 3))}
    preprocessed = Grid(tuple(round(n * scale) for n in tile.shape), 1.0, "px")
    return TileOutput(raw, tile, Geometry(Warp((scale, scale), (0.0, 0.0)), Grid(tile.shape, 1.0, "px"), preprocessed))


@given(
    st.integers(70, 260),
    st.integers(70, 260),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4, st.integers(0, 1)), max_size=12),
)
@settings(max_examples=30)
def test_objects_on_seams_are_found_once_and_whole(height: int, width: int, scale: float, drawn: list[Any]) -> None:
    tiles = tiles_of(height, width, sight((64, 80)), largest_object_px=100)  # neighbours share half of their sides
    most_px = 32 - 2 * EDGE_PX / scale
    assume(most_px > 2 and len(tiles) > 1)
    things: list[np.ndarray] = []
    for x, y, across, down, _ in drawn:
        w, h = 1 + across * (most_px - 1), 1 + down * (most_px - 1)
        thing = np.array([x * (width - w), y * (height - h), x * (width - w) + w, y * (height - h) + h]).clip(0)
        if not things or box_iou(thing[None], np.array(things)).max() == 0:
            things.append(thing)
    labels = np.array([label for *_, label in drawn], int)[: len(things)]
    corners = np.array(things).reshape(-1, 4).clip(0, [width, height, width, height])
    answer = present(BOXES.spatial).merge_tiles((seen_of(corners, labels, tile, scale) for tile in tiles), SPEC, {})
    assert isinstance(answer, Boxes)
    told = sorted((*box.xyxy, box.label) for box in answer.boxes)
    assert len(told) == len(corners)
    truth = sorted((*xyxy, SPEC.classes[label]) for xyxy, label in zip(corners.tolist(), labels, strict=True))
    for mine, true in zip(told, truth, strict=True):
        assert mine[:4] == pytest.approx(true[:4], abs=1e-6)
    assert sorted(mine[4] for mine in told) == sorted(true[4] for true in truth)


def test_an_object_larger_than_any_tile_is_found() -> None:
    tiles = tiles_of(64, 200, sight((64, 80)))
    answer = present(BOXES.spatial).merge_tiles(
        (seen_of(np.array([[20.0, 10, 180, 50]]), np.array([1]), tile, 1.0) for tile in tiles), SPEC, {}
    )
    found = np.array([box.xyxy for box in answer.boxes])
    assert (found[:, 0].min(), found[:, 2].max()) == (20, 180)


def test_merging_many_boxes_needs_little_memory() -> None:
    """IoU within one scale of a large picture; all pairs at once would take several times half a gigabyte."""
    random = np.random.default_rng(0)
    corner = np.stack(np.meshgrid(np.arange(0, 6000, 30), np.arange(0, 900, 30)), -1).reshape(-1, 2)
    boxes, scores = np.concatenate([corner, corner + 20], 1), random.random(len(corner))
    tracemalloc.start()
    stay = suppress(np.concatenate([boxes, boxes + 1]), np.concatenate([scores, scores / 2]), np.zeros(12_000), 0.6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(np.sort(stay), np.arange(6_000))  # the same object if it is a pixel off
    assert peak < 20e6


@given(st.integers(0, 200), st.integers(0, 10_000), st.floats(0.05, 0.95))
@settings(max_examples=15)
def test_merged_boxes_equal_those_of_comparing_all_pairs(n: int, seed: int, most: float) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 60, (n, 2))
    boxes = np.concatenate([corner, corner + random.uniform(0, 40, (n, 2))], 1)
    scores, classes = random.integers(0, 20, n) / 20, random.integers(0, 2, n)
    stay: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        rivals = [j for j in stay if classes[j] == classes[i]]
        if not rivals or box_iou(boxes[[i]], boxes[rivals]).max() <= most:
            stay.append(int(i))
    assert suppress(boxes, scores, classes, most).tolist() == stay


MASKS = MaskSpec(
    classes=("ground", "disc", "line"),
    numbers=(0, 1, 2),
    shares=(0.6, 0.3, 0.1),
    colors=("#000000", "#111111", "#222222"),
)


@given(height=st.integers(20, 150), width=st.integers(20, 150), seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_each_pixel_comes_from_a_tile_with_a_margin_around_it(height: int, width: int, seed: int) -> None:
    """Near inner edges, with little context, the output of the head is arbitrary."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, (height, width))
    parts = []
    for tile in tiles_of(height, width, sight((32, 40))):
        said = random.integers(0, 3, tile.shape)
        sees = tuple(
            slice(0 if not before else 4, length if not after else length - 4)
            for length, before, after in zip(tile.shape, tile.before, tile.after, strict=True)
        )
        said[sees] = truth[tile.slices][sees]
        raw = {"logits": 5.0 * (said == np.arange(3)[:, None, None]), "cell_px": np.float32(1)}
        grid = Grid(tile.shape, 1.0, "px")
        parts.append(TileOutput(raw, tile, Geometry(Warp.identity(2), grid, grid)))
    answer = present(MASK.spatial).merge_tiles(iter(parts), MASKS, {})
    assert isinstance(answer, Mask)
    assert (answer.pixels == truth).all()
    sure = np.exp(5) / (np.exp(5) + 2)
    assert answer.expected_accuracy == pytest.approx(sure, abs=1e-5)
    assert sum(answer.areas.values()) == height * width


# --- Asking ----------------------------------------------------------------------------------------------------------


def dividing() -> Bundle:
    """Classifies each pixel as bright or not; its OOD score is the range of the pixels, 0 to 1."""
    model = parse_graph("""
        <ir_version: 10, opset_import: ["" : 20]>
        bright (uint8[B,8,8,1] image) => (
            float[B,2,8,8] logits, float[B] cell_px, float[B] ood_score_image, float[B,1] embedding
        )
        <float white = {255.0}, float half = {0.5}, int64[3] hwc = {1, 2, 3}, float zero = {0.0}, float one = {1.0},
            int64[1] c = {1}>
        {
            pixels = Cast<to = 1>(image)
            scaled = Div(pixels, white)
            x = Transpose<perm = [0, 3, 1, 2]>(scaled)
            bright = Sub(x, half)
            dark = Sub(half, x)
            logits = Concat<axis = 1>(dark, bright)
            most = ReduceMax<keepdims = 0>(scaled, hwc)
            inverted = Sub(one, scaled)
            darkest = ReduceMax<keepdims = 0>(inverted, hwc)
            range = Add(most, darkest)
            ood_score_image = Sub(range, one)
            nothing = Mul(most, zero)
            cell_px = Add(nothing, one)
            embedding = Unsqueeze(cell_px, c)
        }""")
    answer = MaskSpec(classes=("dark", "bright"), numbers=(0, 1), shares=(0.5, 0.5), colors=("#000000", "#ffffff"))
    recipe = tiny.recipe(
        senses={"image": sight(height=8, width=8)},
        kind="mask",
        answer=answer,
        selective={
            "image": SelectivePrediction(
                calibration={"bias": 0.5}, risk=RiskCoverageCurve(confidence=(0.01,), wrong=(0.01,))
            )
        },
        ood_threshold={"image": 0.75},
    )
    return Bundle(recipe=recipe, model=model, weights=tiny.weights(), card="# Dark or bright?\n")


@pytest.fixture(scope="module")
def divider() -> Predictor:
    return Predictor(dividing())


@given(height=st.integers(1, 10), width=st.integers(1, 10), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_an_image_of_one_tile_has_the_same_answer_without_tiles(
    divider: Predictor, height: int, width: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assert divider.predict_one(pixels, PredictOptions(tiles=True)) == divider.predict_one(pixels)


def test_a_repeated_scene_has_the_repeated_answer(divider: Predictor) -> None:
    scene = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    small, large = (
        divider.predict_one(scene).answer,
        divider.predict_one(np.tile(scene, (5, 7)), PredictOptions(tiles=True)).answer,
    )
    assert isinstance(small, Mask) and isinstance(large, Mask)
    assert np.array_equal(large.pixels, np.tile(small.pixels, (5, 7)))
    assert large.class_confidence == pytest.approx(small.class_confidence, abs=1e-6)
    assert large.confidence == pytest.approx(small.confidence, abs=1e-6)


def test_a_few_unusual_tiles_do_not_make_an_image_out_of_distribution(divider: Predictor) -> None:
    picture = np.full((64, 64), 100, np.uint8)
    picture[::8, :16] = 255
    picture[4::8, :16] = 0
    assert divider.predict_one(picture, PredictOptions(tiles=True)).accepted
    picture[::8], picture[4::8] = 255, 0
    doubted = divider.predict_one(picture, PredictOptions(tiles=True))
    assert not doubted.accepted
    assert doubted.reason == "the image is unlike the training data"


def test_a_large_image_without_tiles_gets_a_hint(divider: Predictor) -> None:
    hint = "much larger than the training images; --tiles (in Python, tiles=True) finds small objects too"
    assert [divider.predict_one(np.zeros((n, n), np.uint8)).hint for n in (8, 14, 15)] == ["", "", hint]
    assert divider.predict_one(np.zeros((64, 64), np.uint8), PredictOptions(tiles=True)).hint == ""
    assert divider.predict_one(np.zeros((64, 64), np.uint8)).to_json()["hint"] == hint
    assert Predictor(tiny.bundle()).predict_one(np.full((640, 640), 200, np.uint8)).hint == ""


def test_unreadable_images_are_named_and_the_others_answered(divider: Predictor, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((30, 30), np.uint8)).save(tmp_path / "a.png")
    good, absent, nothing = divider.predict(
        [tmp_path / "a.png", tmp_path / "b.png", {"audio": "a.wav"}], PredictOptions(tiles=True)
    )
    assert good.answer is not None and good.input == str(tmp_path / "a.png")
    assert absent.answer is None and absent.error.startswith(f"{tmp_path / 'b.png'}: there is no such file")
    assert nothing.error == "a.wav: no input for image."


def test_tiles_are_refused_for_answers_without_a_position(divider: Predictor) -> None:
    allowed = "Allowed: answers with a position, from a single sense: boxes, mask."
    for recogniser, by in (
        (Predictor(tiny.bundle()), "image"),
        (Predictor(tiny.bundle("image", "audio")), "image and audio"),
    ):
        for ask in (recogniser.predict_one, recogniser.predict):
            with pytest.raises(UsageError) as refused:
                ask([], PredictOptions(tiles=True))
            assert str(refused.value) == f"tiles for 'label' answers from {by}. {allowed}"


def test_outputs_of_a_tile_that_are_not_finite_name_the_image() -> None:
    recogniser = Predictor(dividing())
    run_graph = recogniser._runner._session.run
    recogniser._runner._session.run = lambda feeds: {name: array * np.nan for name, array in run_graph(feeds).items()}  # type: ignore[method-assign]
    failed = recogniser.predict_one(np.zeros((40, 40), np.uint8), PredictOptions(tiles=True))
    assert failed.error == "a ndarray: the graph returned values that are not finite."


def test_the_command_line_prints_the_hint_and_has_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path / "m.seehear", dividing())
    write_bundle(tmp_path / "label.seehear", tiny.bundle())
    (tmp_path / "in").mkdir()
    scene = np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((2, 2), np.uint8))
    Image.fromarray(np.tile(scene, (10, 10))).save(tmp_path / "in/a.png")
    assert run(["predict", str(tmp_path / "m.seehear"), str(tmp_path / "in")]) == 0
    whole = capsys.readouterr()
    assert "For 1 of these: much larger than the training images; --tiles " in whole.err
    assert run(["predict", str(tmp_path / "m.seehear"), str(tmp_path / "in"), "--tiles", "--json"]) == 0
    tiled = capsys.readouterr()
    assert "much larger" not in tiled.err
    assert [area["share"] for area in json.loads(tiled.out)["answer"]["mask"]] == [0.5, 0.5]
    assert run(["predict", str(tmp_path / "label.seehear"), str(tmp_path / "in"), "--tiles"]) == 2
    assert "tiles for 'label' answers" in capsys.readouterr().err
    assert run(["predict", str(tmp_path / "m.seehear"), "-", "--tiles", "--live"]) == 2
    assert "--live with - --tiles" in capsys.readouterr().err


def test_a_table_is_evaluated_with_tiles(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.seehear", dividing())
    random = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    rows = ["image,mask"]
    for number in range(3):
        bright = random.integers(0, 2, (40, 40), dtype=np.uint8)
        Image.fromarray(bright * 255).save(tmp_path / f"data/{number}.png")
        Image.fromarray(bright).save(tmp_path / f"data/m{number}.png")
        rows.append(f"{number}.png,m{number}.png")
    (tmp_path / "data/t.csv").write_text("\n".join(rows))
    model = api.load(tmp_path / "m.seehear")
    whole, tiled = (model.evaluate(tmp_path / "data/t.csv", tiles=tiles) for tiles in (False, True))
    assert tiled.metrics["miou"] == 1
    assert whole.metrics["miou"] < 0.7

"""Prediction on Ray: its library Data hands the parts of the work list to workers, each of which has loaded the model.

A worker writes a part under a name that is always the same, and renames it into place when it is complete. So it does
no harm if a part is predicted twice because a worker died.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seehear.amounts import format_count
from seehear.cluster.connection import check_workers, connect, cores, share_of_core, use_one_core
from seehear.cluster.following import Said, follow
from seehear.cluster.object_storage import is_url, list_examples
from seehear.cluster.part_files import WRITERS
from seehear.cluster.work_list import (
    CONTINUE,
    Listed,
    PartRecord,
    Plan,
    check_empty,
    check_same,
    find_open_parts,
    part_name,
    read_plan,
    read_record,
    read_work_list,
    save_record,
    write_manifest,
    write_plan,
    write_work_list,
)
from seehear.errors import UsageError
from seehear.events import Advanced, Finished, Listener, Notice, Started
from seehear.files import hash_file
from seehear.inputs import gather
from seehear.runtime.batching import read_ahead
from seehear.runtime.bundle import Bundle, read_bundle
from seehear.runtime.loading import read_file_objects
from seehear.runtime.options import PredictOptions
from seehear.runtime.predictor import Predictor

TASK, LISTING = "predicting", "listing"
MOST_CORE = 0.9  # of a core for one worker
FETCHING = 8  # files of object storage that a worker reads at a time
BLOCK_BYTES = 1  # so that each part is a block, which Ray Data hands out by itself


@dataclass(frozen=True)
class PredictionRequest:
    """What to predict.

    model    the model file
    inputs   files, folders, tables or URLs
    out      the folder for the answers
    parts    their format, jsonl or parquet
    workers  None for one for each core
    """

    model: Path
    inputs: tuple[str, ...]
    out: Path
    options: PredictOptions
    parts: str = "jsonl"
    workers: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class Answered:
    """How many examples were answered, and how many of them could not be read."""

    examples: int
    unreadable: int


def predict_on_ray(request: PredictionRequest, on: str, listen: Listener) -> Answered:
    """Write answers to all examples, as parts and a manifest, to a folder.

    Model, inputs and folder must be reachable by the same names on every machine. Raises UsageError if the folder holds
    answers of another run, and ClusterError if the cluster cannot go on.
    """
    if request.parts not in WRITERS:
        raise UsageError(f"--parts {request.parts}", allowed=", ".join(WRITERS))
    check_workers(request.workers)
    bundle = read_bundle(request.model)
    list(Predictor(bundle).predict((), request.options))  # raises before the work instead of during it
    plan = _plan(request, bundle, listen)
    todo = find_open_parts(request.out, plan)
    if len(todo) < plan.parts:
        listen(Notice(f"{plan.parts - len(todo):,} of {plan.parts:,} parts are there already"))
    if todo:
        with connect(on) as ray:
            number = min(request.workers or cores(ray), len(todo))
            cpus = share_of_core(number, ray, MOST_CORE)
            follow(ray, _run, request, todo, number, cpus, listen=listen, hint=CONTINUE)
    records = [read_record(request.out, part) for part in range(plan.parts)]
    write_manifest(request.out, plan, records)
    return Answered(sum(each.examples for each in records), sum(each.unreadable for each in records))


def _plan(request: PredictionRequest, bundle: Bundle, listen: Listener) -> Plan:
    """The plan of the run that is resumed, or a new one, with its work list."""
    out = request.out
    inputs = tuple(name if is_url(name) else str(Path(name).absolute()) for name in request.inputs)
    new = Plan(
        model=hash_file(request.model),
        inputs=inputs,
        options=json.loads(json.dumps(asdict(request.options))),
        suffix=f".{request.parts}",
        parts=0,
        examples=0,
    )
    if request.resume and (told := read_plan(out)) is not None:
        check_same(told, new)
        return told
    if not request.resume:
        check_empty(out)
    elif not out.exists():
        raise UsageError("there is no run to resume", where=str(out), hint="leave out --resume")
    listen(Started(LISTING, None, "examples"))
    parts, examples = write_work_list(out, _list_inputs(inputs, tuple(bundle.recipe.senses), out))
    if not examples:
        raise UsageError("no inputs", hint="name files, or folders that contain some")
    listen(Finished(LISTING, format_count(examples, "example")))
    plan = new.model_copy(update={"parts": parts, "examples": examples})
    write_plan(out, plan)
    return plan


def _list_inputs(inputs: Iterable[str], senses: Sequence[str], out: Path) -> Iterator[Listed]:
    for name in inputs:
        yield from list_examples(name, senses) if is_url(name) else gather([name], senses, written=out)


def _run(request: PredictionRequest, todo: Sequence[int], workers: int, cpus: float, said: Said) -> None:
    """On the cluster: hand out the parts, and say how many examples are done."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = context.target_min_block_size = BLOCK_BYTES
    said.put(Started(TASK, None, "examples"))
    done = 0
    parts = ray.data.from_items([{"part": part} for part in todo], override_num_blocks=len(todo))
    answered = parts.map(
        PartPredictor,
        fn_constructor_kwargs={"request": request},
        num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )
    for row in answered.iter_rows():
        done += row["examples"]
        said.put(Advanced(TASK, done))
    said.put(Finished(TASK, format_count(done, "example")))


class PartPredictor:
    """In each worker: has the model, and predicts one part after another."""

    def __init__(self, request: PredictionRequest) -> None:
        use_one_core()
        self._request = request
        self._predictor = Predictor(read_bundle(request.model))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        request, number = self._request, int(row["part"])
        name = part_name(number, f".{request.parts}")
        listed = read_work_list(request.out, number)
        fetched = read_ahead(read_file_objects, listed, threads=FETCHING)
        predictions = list(self._predictor.predict(fetched, request.options))
        unreadable = sum(each.answer is None for each in predictions)
        path = request.out / name
        partial_path = path.with_name(f".{name}")
        WRITERS[request.parts](partial_path, predictions)
        record = PartRecord(name=name, examples=len(predictions), unreadable=unreadable, sha256=hash_file(partial_path))
        save_record(request.out, number, record)
        partial_path.replace(path)  # last, as it says that the part is done
        return {"part": number, "examples": len(predictions)}

"""Text (speech-to-text): what is said in a recording or a video, word by word, or its translation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from seehear.answers.capabilities import Arrays, Auxiliary, Concatenation, Decoding, ItemScoring
from seehear.answers.kind import AnswerKind, RunDecoder
from seehear.answers.prediction_sets import PredictionSets
from seehear.answers.text import answer, decode, doubts, explain, metric, plan, prediction_set, spec, suspects
from seehear.answers.text.answer import NBest
from seehear.answers.text.answer import Text as Text
from seehear.answers.text.decode import Searched
from seehear.answers.text.spec import TextSpec as TextSpec
from seehear.answers.text.word import Word as Word
from seehear.geometry import Geometry


class TextKind(AnswerKind[TextSpec, Text]):
    name = "text"
    columns = (
        *("text", "transcript", "transcription", "transcripts", "sentence", "utterance"),
        *("normalized_text", "translation", "caption", "words", "said"),
    )
    senses = (frozenset({"audio"}), frozenset({"lips"}), frozenset({"audio", "lips"}))
    hub_tasks = (("audio", "automatic-speech-recognition"),)
    Spec = TextSpec
    requires_full_input = True

    items = ItemScoring(noun=Text.item, count=answer.count_items, score=metric.items, metrics=metric.abstention_metrics)
    prediction_sets = PredictionSets(
        noun="word",
        unit="words at a place",
        needed=prediction_set.needed,
        build=prediction_set.build,
        classes=lambda spec: (),
        refusal=prediction_set.refusal,
    )
    auxiliary = Auxiliary(
        # The words spoken; another column of text beside them is a translation. "transcript" and "sentence" are left
        # out: a table may have a text and its transcript in another script, and a translation would have no times.
        columns=("source_text", "src_text", "source_transcript", "source_sentence", "original_text"),
        target=answer.auxiliary_target,
    )
    concatenation = Concatenation(supports=answer.supports_concatenation, targets=answer.concatenate_targets)

    def __init__(self, run_decoder: RunDecoder | None = None) -> None:
        self._run_decoder = run_decoder
        self.decoding = Decoding(
            with_hotwords=spec.with_hotwords,
            with_language_model=spec.with_language_model,
            uses_network=answer.has_decoder,
            with_network=TextKind,
            with_task=spec.with_task,
            with_language=self._with_language,
            needs_windows=answer.needs_windows,
            recognises_silence=answer.recognises_silence,
            join=answer.join,
        )

    def _with_language(self, raws: Iterable[Arrays], spec: TextSpec) -> TextSpec:
        return answer.with_language(raws, spec, self._run_decoder)

    plan = staticmethod(plan.plan)
    fits = staticmethod(answer.fits)
    read = staticmethod(answer.read)
    find_doubts = staticmethod(doubts.find_doubts)
    stratum = staticmethod(answer.stratum)
    target = staticmethod(answer.target)
    check = staticmethod(answer.check)
    find_suspects = staticmethod(suspects.find_suspects)
    raw_shapes = staticmethod(answer.raw_shapes)
    select = staticmethod(answer.select)
    read_numbers = staticmethod(answer.read_numbers)
    quantities = staticmethod(explain.list_quantities)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    right = staticmethod(metric.right)
    metrics = staticmethod(metric.metrics)
    headline = staticmethod(metric.headline)

    def search(self, raw: Arrays, spec: TextSpec) -> Searched:
        return decode.search(raw, spec, self._run_decoder)

    def tune(self, searched: Sequence[Searched], truths: Sequence[Text], spec: TextSpec) -> dict[str, float]:
        return metric.tune(searched, truths, spec, self._run_decoder)

    def to_answer(
        self, raw: Arrays, spec: TextSpec, calibration: Mapping[str, float], geometry: Geometry | None
    ) -> Text:
        return answer.to_answer(raw, spec, calibration, geometry, self._run_decoder)

    def n_best(self, searched: Searched, spec: TextSpec, calibration: Mapping[str, float]) -> NBest:
        return answer.n_best(searched, spec, calibration, self._run_decoder)

"""Transcripts by Whisper's decoder: words with times, languages, and recordings split into windows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seehear.answers import ANSWERS
from seehear.answers.text import Text, TextSpec, Word
from seehear.answers.text.whisper_spec import read_tokenizer
from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.errors import BundleError, UsageError
from seehear.runtime.speech_windows import answer_windows, find_windows
from seehear.senses.hearing.plan import RATE_HZ, ConvRecurrent, HearingSpec
from tiny_whisper import ONE, SPEC, WORDS, Dictation

TEXT = ANSWERS["text"]
ZERO_SHOT = TextSpec(tokens=(), texts=0, words=0, decoder=SPEC)


def transcribe(network: Dictation, spec: TextSpec = ZERO_SHOT) -> Text:
    kind = TEXT.require_decoding("a decoder").with_network(network)
    answer: Text = kind.to_answer(network.memory(), spec, {}, None)
    return answer


def test_words_have_times_confidences_and_a_language() -> None:
    text = transcribe(Dictation((ONE, ONE + 1, ONE + 2), frames=80))
    assert str(text) == "one two three"
    assert text.language == "de"
    assert text.confidence > 0.99
    assert [word.confidence for word in text.words] == pytest.approx([1, 1, 1], abs=0.01)
    assert [word.start_s for word in text.words] == pytest.approx([0, 0.4, 0.8], abs=0.07)
    assert text.to_json()["language"] == "de"
    assert b"-->" in text.files()["srt"]


def test_characters_split_over_tokens_are_joined() -> None:
    text = transcribe(Dictation((ONE, *"ü".encode(), ord("?")), frames=60))
    assert str(text) == "oneü?"


def test_a_loop_is_kept_once() -> None:
    assert str(transcribe(Dictation((ONE, *(ONE + 1, ONE + 2) * 50), frames=400))) == "one two three"


def test_silence_is_an_empty_text() -> None:
    network = Dictation((), frames=10)
    network.hears_speech = False
    assert str(transcribe(network)) == ""


class Doubtful(Dictation):
    """Writes its text with a log probability of -0.9 per token, and takes its sound for silence at some odds."""

    silence_logit = 0.0

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs = super().__call__(feeds)
        logits, special = outputs["logits"], SPEC.special
        if feeds["past_key_0"].shape[2] == 0:
            logits[:, 0, special.no_speech] = self.silence_logit
        else:
            logits[..., special.text + 1 :] = 0
            others = np.log(np.exp(0.9) - 1) - np.log(special.text)
            logits[..., : special.text + 1] = np.where(logits[..., : special.text + 1] == 20, 0, others)
        return outputs


@pytest.mark.parametrize(("silence_logit", "text"), [(18.0, "one two"), (20.0, "")])
def test_an_unsure_text_is_dropped_where_silence_is_likely(silence_logit: float, text: str) -> None:
    network = Doubtful((ONE, ONE + 1), frames=40)
    network.silence_logit = silence_logit
    assert str(transcribe(network)) == text


def test_a_sure_text_is_kept_where_silence_is_likely() -> None:
    network = Dictation((ONE,), frames=40)
    network.hears_speech = False
    assert str(transcribe(network)) == "one"


def test_a_text_without_letters_is_silence() -> None:
    network = Dictation(tuple(b"..."), frames=40)
    assert str(transcribe(network)) == ""


def test_the_spec_survives_the_recipe() -> None:
    assert TextSpec.model_validate_json(ZERO_SHOT.model_dump_json()) == ZERO_SHOT
    with pytest.raises(ValueError, match="at least 2 tokens"):
        TextSpec(tokens=(), texts=0, words=0)
    with pytest.raises(ValueError, match="alignment_heads"):
        SPEC.model_validate(SPEC.model_dump() | {"alignment_heads": [[2, 0]]})


def test_language_and_task_are_checked() -> None:
    choose = TEXT.require_decoding("a language").with_task
    chosen = choose(ZERO_SHOT, "fr", True)
    assert (chosen.decoder.language, chosen.decoder.translate) == ("fr", True)
    with pytest.raises(UsageError, match="Allowed: de, en, fr"):
        choose(ZERO_SHOT, "xx", False)
    english = ZERO_SHOT.replace(decoder=SPEC.model_copy(update={"multilingual": False}))
    with pytest.raises(UsageError, match="knows only English"):
        choose(english, None, True)
    learned = TEXT.plan(["one two", "two one"] * 9, "text")
    with pytest.raises(UsageError, match="trained to write"):
        choose(learned, "de", False)


class Reminded(Dictation):
    """Writes the words in the text before, if there is one."""

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        tokens = feeds["tokens"][0].tolist()
        if tokens[0] == SPEC.special.previous:
            words = tuple(token for token in tokens if ONE <= token < ONE + len(WORDS))
            self._tokens = (*tokens[:-1], *self._prompt, *words, SPEC.special.text)
        return super().__call__(feeds)


def test_hotwords_are_shown_to_the_decoder_as_the_text_before() -> None:
    expect = TEXT.require_decoding("hotwords").with_hotwords
    assert str(transcribe(Reminded((ONE,), frames=40))) == "one"
    text = transcribe(Reminded((ONE,), frames=40), expect(ZERO_SHOT, ["two", " two "]))
    assert str(text) == "two"
    assert 0 <= text.words[0].start_s < text.words[0].end_s <= 0.8


def test_hotwords_keep_their_capitals() -> None:
    expect = TEXT.require_decoding("hotwords").with_hotwords
    assert expect(ZERO_SHOT, [" Ångström "]).whisper.hotwords == ("Ångström",)
    trained = TEXT.plan(["one two", "two one"] * 9, "text").replace(decoder=SPEC)
    assert expect(trained, ["Two"]).whisper.hotwords == ("Two",)
    with pytest.raises(UsageError, match="Allowed: 223"):
        expect(ZERO_SHOT, ["word"] + [f"word{i}" for i in range(100)])


def test_truths_are_sentences_for_the_decoder_and_plain_for_people() -> None:
    trained = TEXT.plan(["one two", "two one"] * 9, "text").replace(decoder=SPEC)
    target = TEXT.target(Text.from_string("One two!"), trained, None)
    assert SPEC.tokeniser.decode(target["decoder_tokens"]) == " One two."
    assert trained.decode(target["decoder_tokens"]) == "one two"
    assert SPEC.tokeniser.decode(SPEC.encode_sentence("一二")) == " 一二"
    assert SPEC.encode_sentence("") == []


def test_a_trained_recogniser_keeps_its_language() -> None:
    trained = TEXT.plan(["one two", "two one"] * 9, "text").replace(decoder=SPEC)
    with pytest.raises(UsageError, match="trained to write"):
        TEXT.require_decoding("a language").with_task(trained, "fr", False)
    assert "Whisper's decoder" in str(trained) and "2 different words" in str(trained)


def test_answers_are_compared_without_case_and_punctuation() -> None:
    answer = Text((Word("Well,"), Word("--"), Word("It's"), Word("2,5")))
    assert str(answer.normalise()) == "well it's 2 5"
    compared = TEXT.compare([answer], [Text.from_string("well it's 2 5")], ZERO_SHOT)
    assert TEXT.metrics(compared, ZERO_SHOT)["wer"] == 0


class Polyglot(Dictation):
    """Hears German with the log odds in the keys of a window, else French."""

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs = super().__call__(feeds)
        if feeds["past_key_0"].shape[2] == 0:
            _, german, french = range(SPEC.special.start + 1, SPEC.special.start + 4)
            outputs["logits"][:, 0, german] = outputs["logits"][:, 0, french] + feeds["cross_key_0"][0, 0, 0]
        return outputs

    def hear(self, odds: float) -> dict[str, NDArray[Any]]:
        memory = self.memory()
        memory["cross_key_0"][...] = odds
        return memory


def test_a_recording_has_one_language_which_its_windows_choose_by_mean_log_probability() -> None:
    network = Polyglot((ONE,), frames=20, language="fr")
    choose = TEXT.require_decoding("a decoder").with_network(network).require_decoding("windows").with_language

    def detect(odds: tuple[float, ...], spec: TextSpec = ZERO_SHOT) -> str:
        chosen: str = choose([network.hear(each) for each in odds], spec).decoder.language
        return chosen

    assert (detect((3.0,)), detect((-3.0,))) == ("de", "fr")
    assert (detect((3.0, -1.0, -1.0)), detect((1.0, -3.0, 1.0))) == ("de", "fr")
    assert detect((3.0,), ZERO_SHOT.replace(decoder=SPEC.model_copy(update={"language": "en"}))) == "en"
    assert detect(()) == ""


def test_texts_of_windows_are_joined() -> None:
    join = TEXT.require_decoding("windows").join
    texts = [Text((Word("a"),), 0.4, language="en"), Text(()), Text((Word("b"), Word("c")), 0.7, language="en")]
    joined = join(texts)
    assert (str(joined), joined.language, joined.confidence) == ("a b c", "en", pytest.approx(0.6))
    assert join([Text(())]) == Text(())


def hum(seconds: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A sound like a vowel whose loudness changes as in speech."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * t) for hz in (150, 300, 450, 700, 1100))
    return np.asarray(0.05 * wave * (1 + np.sin(2 * np.pi * 4 * t)), np.float32)


def silence(seconds: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.zeros(int(seconds * RATE_HZ), np.float32)


def test_windows_contain_all_speech_and_no_long_pause() -> None:
    signal = np.concatenate([silence(2), hum(3), silence(1), hum(2), silence(8), hum(4), silence(2)])
    windows = list(find_windows(signal, 30.0))
    assert [end - start for start, end in windows] == pytest.approx([6.3, 4.3], abs=0.3)
    assert windows[0][0] == pytest.approx(1.9, abs=0.25)
    assert list(find_windows(silence(5), 30.0)) == []


def make_runner(network: Dictation, memories: Iterable[dict[str, NDArray[Any]]]) -> Any:
    """Stands for a ModelRunner whose graph gives these memories in turn."""
    given = iter(memories)

    def run(batch: Any) -> Any:
        raw = next(given)
        return [SimpleNamespace(select=lambda senses: SimpleNamespace(raw=raw))]

    spec = HearingSpec(longest_s=10.0, encoder=ConvRecurrent(top_hz=8000, stages=(8, 8, 8), width=16))
    kind = TEXT.require_decoding("a decoder").with_network(network)
    return SimpleNamespace(kind=kind, recipe=SimpleNamespace(senses={"audio": spec}), run=run)


def test_a_long_recording_is_answered_window_by_window() -> None:
    network = Dictation((ONE, ONE + 1), frames=100)
    signal = np.concatenate([silence(5), hum(3), silence(10), hum(3), silence(5)])
    first, text = answer_windows(make_runner(network, [network.memory()] * 2), signal, ZERO_SHOT, {})
    assert first.words == text.words[: len(first.words)] != text.words, "the answer grows with each window"
    assert str(text) == "one two one two"
    assert [word.start_s for word in text.words] == pytest.approx([4.8, 5.5, 17.8, 18.5], abs=0.5)
    assert list(map(str, answer_windows(make_runner(network, []), silence(3), ZERO_SHOT, {}))) == [""]


def test_the_first_windows_choose_the_language_of_all() -> None:
    network = Polyglot((ONE,), frames=20, language="fr")
    memories = [network.hear(odds) for odds in (-1.0, 9.0, -1.0, -9.0, -9.0)]
    signal = np.concatenate([silence(2), *[hum(3), silence(5)] * len(memories)])
    *_, text = answer_windows(make_runner(network, memories), signal, ZERO_SHOT, {})
    assert (text.language, len(text.words)) == ("de", len(memories))


def test_a_tokenizer_gives_vocabulary_and_languages() -> None:
    special = ("endoftext", "startoftranscript", "en", "de", "translate", "transcribe")
    added = [{"content": f"<|{name}|>", "id": 2 + i} for i, name in enumerate(special)]
    content = {"model": {"vocab": {"a": 0, "Ġb": 1, "<|endoftext|>": 2}}, "added_tokens": added}
    vocabulary, languages = read_tokenizer(json.dumps(content).encode())
    assert ByteVocabulary.unpack(vocabulary).tokens == (b"a", b" b")
    assert languages == ("en", "de")
    with pytest.raises(BundleError, match="not a tokenizer of Whisper"):
        read_tokenizer(b'{"added_tokens": []}')

"""Finds labels that suggest a use with special rules. Only words are compared: people must judge the use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MOST_QUOTED = 5


class Topic(NamedTuple):
    """A use, the words that suggest it, in lower case, and the warning."""

    name: str
    words: str
    warning: str


EMOTIONS = Topic(
    "emotions",
    """emotion emotions happy happiness sad sadness angry anger fear fearful afraid disgust disgusted surprised joy
    joyful contempt stressed stress bored boredom anxious anxiety frustrated frustration attentive freude trauer wut
    angst ekel glücklich traurig wütend joie tristesse colère peur dégoût alegría tristeza ira miedo asco""",
    "Inferring emotions of people from their faces, voices or other biometric data at work or in education is "
    "prohibited in the EU, except for medical or safety reasons (AI Act, Article 5(1)(f)). Elsewhere, emotion "
    "recognition is listed as high-risk (Annex III, point 1(c)), and people must be told about it (Article 50(3)).",
)
LEARNERS = Topic(
    "grades of learners",
    """grade grades graded distinction merit cheating plagiarism essay exam pupil pupils student students learner
    learners fluency proficiency a1 a2 b1 b2 c1 c2 schulnote zensur schüler élève élèves alumno alumnos""",
    "Evaluating learning outcomes, deciding on admission, or watching tests in education and vocational training is "
    "listed as high-risk in the EU (AI Act, Annex III, point 3).",
)
MEDICINE = Topic(
    "medicine",
    """pneumonia tumor tumour cancer carcinoma melanoma lesion benign malignant fracture covid tuberculosis diagnosis
    ill patient patients nodule glioma retinopathy arrhythmia wheeze crackle anemia leukemia platelets wbc rbc krank
    befund malade enfermo""",
    "This model is not a medical device, and nothing here shows that it may be used as one. Software that is intended "
    "for diagnosis or treatment needs a conformity assessment of its own (in the EU, Regulation (EU) 2017/745 or "
    "2017/746).",
)
TOPICS = (EMOTIONS, LEARNERS, MEDICINE)
_WORD = re.compile(r"[^\W\d_]+[0-9]?")


class Suspicion(NamedTuple):
    """A topic, and the labels that suggest it."""

    topic: Topic
    labels: tuple[str, ...]

    def __str__(self) -> str:
        more = ", …" if len(self.labels) > MOST_QUOTED else ""
        return f"Labels such as {', '.join(self.labels[:MOST_QUOTED])}{more} look like {self.topic.name}."


def find_topics(labels: Iterable[str]) -> list[Suspicion]:
    """The topics that labels suggest, such as classes and the name of a model."""
    words = {label: set(_WORD.findall(label.casefold())) for label in labels}
    found = [
        Suspicion(topic, tuple(label for label, own in words.items() if own & set(topic.words.split())))
        for topic in TOPICS
    ]
    return [each for each in found if each.labels]

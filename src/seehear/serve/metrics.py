"""`/metrics` for Prometheus: requests, answers, how many of them are "I don't know", and how confident they are.

Labels are names of routes and models only: never a path, a file name or anything else that a client chooses.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import seehear
from seehear.serve.answering import Answered, Answerer
from seehear.serve.models import ModelRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60, 300)
SHARES = tuple(i / 10 for i in range(1, 11))
RECENT = 200  # answers whose mean confidence is compared with that of the first as many


class Metrics:
    """The figures of one server."""

    def __init__(self, models: ModelRegistry, answerer: Answerer) -> None:
        self._registry = registry = CollectorRegistry()
        self._models, self._answerer = models, answerer
        self.requests = Counter("seehear_requests", "Requests.", ["route", "code"], registry=registry)
        self.request_s = Histogram(
            "seehear_request_duration_seconds", "From the head of a request to its answer.", ["route"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._answers = Counter(
            "seehear_answers", "Answers: accepted, unsure (I don't know), failed.", ["model", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._answer_s = Histogram(
            "seehear_answer_duration_seconds", "Time to answer.", ["model"], buckets=SECONDS, registry=registry
        )
        self._queue_s = Histogram(
            "seehear_queue_duration_seconds", "Time before that.", ["model"], buckets=SECONDS, registry=registry
        )
        self._confidence = Histogram(
            "seehear_confidence_ratio", "Confidence of answers.", ["model"], buckets=SHARES, registry=registry
        )
        self._drift = Gauge(
            "seehear_confidence_drift_ratio",
            f"Mean confidence of the last {RECENT} answers of a version, less that of its first {RECENT}.",
            ["model"], registry=registry,
        )  # fmt: skip
        self._waiting = Gauge("seehear_requests_waiting", "Requests that wait.", ["lane"], registry=registry)
        self._loaded = Gauge("seehear_model_loaded", "Models served now.", ["model", "version"], registry=registry)
        info = Gauge("seehear_build_info", "This program.", ["version"], registry=registry)
        info.labels(seehear.__version__).set(1)
        self._kept = Counter(
            "seehear_answers_kept", "Answers to be kept for review: kept, dropped (too many waited), failed.",
            ["project", "outcome"], registry=registry,
        )  # fmt: skip
        self._confidences: dict[tuple[str, int], _Confidences] = defaultdict(_Confidences)
        self._counting = Lock()

    def count(self, answered: Answered) -> None:
        """A listener of the Answerer."""
        name, prediction = answered.model.name, answered.prediction
        outcome = "failed" if prediction.answer is None else "accepted" if prediction.accepted else "unsure"
        self._answers.labels(name, outcome).inc()
        self._answer_s.labels(name).observe(answered.took_s)
        self._queue_s.labels(name).observe(answered.waited_s)
        if prediction.answer is not None:
            self._confidence.labels(name).observe(prediction.confidence)
            with self._counting:
                drift = self._confidences[name, answered.model.version].add(prediction.confidence)
            self._drift.labels(name).set(drift)

    def count_kept(self, project: str, outcome: str) -> None:
        """Count what became of an answer that a project keeps."""
        self._kept.labels(project, outcome).inc()

    def count_shed(self) -> None:
        """Count a request that was refused because too many wait, before it was routed."""
        self.requests.labels("shed", "503").inc()

    def render(self) -> bytes:
        """All of them in the text format of Prometheus."""
        for lane, waiting in self._answerer.waiting.items():
            self._waiting.labels(lane).set(waiting)
        self._loaded.clear()
        for served in self._models.list():
            self._loaded.labels(served.name, str(served.version)).set(1)
        return generate_latest(self._registry)


class _Confidences:
    """The first and the last confidences of one version."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=RECENT)

    def add(self, confidence: float) -> float:
        """The drift so far."""
        if len(self._first) < RECENT:
            self._first.append(confidence)
        self._last.append(confidence)
        return sum(self._last) / len(self._last) - sum(self._first) / len(self._first)


class RequestMetrics:
    """Counts requests by their route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, code = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(code)).inc()
            self._metrics.request_s.labels(route).observe(time.perf_counter() - began_s)

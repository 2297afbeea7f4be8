"""Detects whether a model's inputs are still like its training data, with a stated rate of false alarms."""

from __future__ import annotations

from seehear.drift.report import Alarm as Alarm
from seehear.drift.report import Drift as Drift
from seehear.drift.watch import watch_drift as watch_drift

"""Checks a dataset before training: damaged files, duplicates, leaks, outliers and personal data."""

from seehear.check.before_training import report_findings
from seehear.check.checks import check, check_table
from seehear.check.finding import Concern, Correction, Finding
from seehear.check.report import CheckReport

__all__ = ["CheckReport", "Concern", "Correction", "Finding", "check", "check_table", "report_findings"]

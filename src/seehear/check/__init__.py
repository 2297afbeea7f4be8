"""The check of a dataset before anything is trained on it: what is damaged, double, leaked, odd or private."""

from seehear.check.before_training import report_findings
from seehear.check.checks import check, check_table
from seehear.check.finding import Concern, Correction, Finding
from seehear.check.report import CheckReport

__all__ = ["CheckReport", "Concern", "Correction", "Finding", "check", "check_table", "report_findings"]

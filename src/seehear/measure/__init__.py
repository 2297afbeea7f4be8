"""Metrics, their confidence intervals, comparisons of groups, and thresholds for selective prediction."""

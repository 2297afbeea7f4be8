"""Results for people and programs: files, videos, summaries and reports. No user interface."""

"""Results for people and programs: files, videos, summaries and reports. Free of any user interface."""

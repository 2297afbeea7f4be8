"""The audio API of OpenAI, as their clients of late 2026 speak it: transcripts, translations, models, live sound."""

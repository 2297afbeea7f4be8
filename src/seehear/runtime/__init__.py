"""Serving: the model file, the session that runs its graph, and answers with their confidence. Never torch."""

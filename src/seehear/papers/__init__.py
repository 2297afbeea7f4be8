"""Documents about a model for other people: a model card for the Hugging Face hub, and a dossier for an audit.

What was measured is filled in, with its source. What only people can know is left blank and marked.
"""

from __future__ import annotations

from seehear.papers.dossier import write_dossier as write_dossier
from seehear.papers.model_card import render_model_card as render_model_card

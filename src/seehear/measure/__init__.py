"""How good a recogniser is, how far that is certain, and when to believe it."""

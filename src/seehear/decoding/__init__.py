"""Decodes a network's outputs into token sequences: beam search, n-grams, hotwords and subword tokens."""

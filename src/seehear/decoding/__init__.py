"""From a network's outputs to token sequences: beam search, n-gram language models, hotwords and subword tokens."""

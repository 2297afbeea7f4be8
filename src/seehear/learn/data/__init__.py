"""Examples on disk and in batches: cache, split, batching, augmentation by concatenation and time stretch."""

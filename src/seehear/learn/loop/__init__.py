"""The training loop: optimisers, precision and threads, checkpoints, and numbers that stay finite."""

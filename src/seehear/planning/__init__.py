"""A look at a table before training: what its examples are like, and the recipe that follows. Without torch."""

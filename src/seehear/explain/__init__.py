"""Explains answers: which parts of the input, which senses and which training examples they are based on."""

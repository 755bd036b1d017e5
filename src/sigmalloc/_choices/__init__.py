"""Choices among noisy recalls: their probabilities and derivatives, for all layers above."""

"""What follows training: calibration on held-out examples, and the model card."""

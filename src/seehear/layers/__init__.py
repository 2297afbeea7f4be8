"""What encoders and heads are both built from."""

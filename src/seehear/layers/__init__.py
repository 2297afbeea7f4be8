"""Layers that encoders and heads share."""

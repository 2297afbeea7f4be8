"""Prediction with a model file, without torch: load inputs, run the graph, decode answers, accept or reject them."""

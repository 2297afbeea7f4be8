"""Training: the network, its fit, and its export to the runtime's format. The only room that is all torch."""

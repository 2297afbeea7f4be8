"""The network: encoders, fusion, head, and an out-of-distribution scorer for each sense."""

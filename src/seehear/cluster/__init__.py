"""Training and prediction on a Ray cluster, or on several processes of this machine by way of Ray."""

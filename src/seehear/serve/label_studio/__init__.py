"""Label Studio's protocol for ML backends: it sends tasks, and gets answers as pre-annotations."""

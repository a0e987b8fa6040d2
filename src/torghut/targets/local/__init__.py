"""The local stack as a target: its desired state, secrets in files, supervised processes."""

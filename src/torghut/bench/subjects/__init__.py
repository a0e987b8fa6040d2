"""What is measured, each a process: `ours`, `alpaca` and `limit`. All are configured by the environment."""

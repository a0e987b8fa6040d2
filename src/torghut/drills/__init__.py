"""Drills: conditions made on a running stack under load, and the procedures that answer them."""

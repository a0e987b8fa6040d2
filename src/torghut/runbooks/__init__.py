"""The written procedures as code, one file each, readable next to its prose.

A procedure sees the system through `ports` alone: the same code runs against processes on one machine and against
Kubernetes. Each gives the kernel (`torghut.ops`) what it found and its steps; `catalogue` names them all.
"""

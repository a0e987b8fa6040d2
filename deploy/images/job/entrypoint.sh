#!/bin/sh
# Flink's Kubernetes client starts every container here, with the command as arguments.
exec /opt/python/bin/python -m torghut.job.pod "$@"

"""Flink: the Python environment of the job, a home for the JVMs, their configuration, and the REST interface.

environment    the job's Python environment, made from the committed lock file and kept in the cache
distribution   a FLINK_HOME of links: the package's own files, the connector, the file system
configuration  what config.yaml, the login file and the environment of the processes hold
commands       how JobManager and TaskManager are started, in application mode
rest           jobs, checkpoints, savepoints, metrics
"""

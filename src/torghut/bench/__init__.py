"""Measurements behind every performance claim: ours beside what others offer, on the same records, in one run.

Every program that is measured is a process of its own, and it is judged from outside: its processor time and memory
by the kernel, what it delivered by what Kafka holds afterwards.

`forwarder` is the measurement of the forwarder; `load` the records, `blaster` the server that plays them, `subjects`
what is measured, `arena` a broker with topics of its own, `trial` one measured run, `report` the result.
"""

"""The contract in code: topics, envelopes, payloads, status records. Frozen values, no I/O, no clock.

Everything here is a name that clients, dashboards, drills and outside tests rely on. Change it only by adding; a
removal or a new meaning is a new topic version.
"""

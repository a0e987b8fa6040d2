"""Alpaca's market-data protocol without I/O and without a clock.

Bytes and times go in, values and actions come out; whoever owns the socket carries them out. So every rule of the
protocol can be tested in microseconds, and the forwarder's shell stays thin.

`messages`      frames to messages, identities, payload bytes as received
`subscription`  which channels and symbols
`session`       the client's state machine: welcome, login, subscriptions, errors
`errors`        the error codes and what a good client does about each
`backoff`       how long to wait before the next attempt
`watchdog`      telling a mute connection from a quiet market
"""

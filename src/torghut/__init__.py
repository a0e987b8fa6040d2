"""Torghut: Alpaca market data into Kafka and trading signals, exactly once.

The rooms, from the bottom up: `wire` (the contract in code), `feed` and `ta` (pure cores), `forwarder`, `sim`,
`audit`, `client` (thin shells around them), `platform` and `stack` (outside systems and the local stack), `cli`.
"""

__version__ = "0.1.0"

"""The forwarder: Alpaca's socket into Kafka, every event exactly once.

A thin shell around `feed`. Data flows in one direction:

    stream (socket) -> intake (dedup, buffer, repair) -> delivery (sequence, envelope, producer) -> Kafka

Pure: `dedup`, `overlap`, `sequence`, `readiness`. Shells: `stream`, `history`, `delivery`, `tail`, `lease`, `health`.
`service` puts them together.
"""

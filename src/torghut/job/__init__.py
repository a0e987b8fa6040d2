"""The Flink job: records of Kafka in, bars and signals out, exactly once.

The JVM reads, batches and writes; Python computes. One SQL statement gathers the records of each partition into
batches (25 ms of processing time), one keyed operator turns batches into finals, and SQL sinks write them in
transactions. Who does what:

    records     values of input records, typed; what is written, as bytes
    reading     a record's numbers and sale conditions, checked
    tally       one second of one symbol: its prints and their sums
    clock       event time of a partition: watermarks, idleness, which second is closed
    published   finals that the output topics hold already, recognised after a restore
    shard       one partition's symbols: batches in, records out. Pure: no Flink, no Kafka, no clock
    recall      re-reading Kafka by offset after a restore, for what is not worth a place in every checkpoint
    admission   whether Kafka lets the job in
    keys        which key a partition has, so that subtasks share them evenly
    operator    the keyed operator: Flink's state and timers around `shard`
    pipeline    SQL and wiring; `main` is what Flink runs

The operator is keyed by Kafka partition. Within one, records come in offset order, so what is closed when follows from
the log alone, and not from how it was batched, how often the job restarted or on how many slots it ran.
"""

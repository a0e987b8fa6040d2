"""Recomputes every bar and signal from the trades and quotes in Kafka, and counts what the TA job wrote otherwise.

Shares no code with the job and its functions: the sale conditions, sessions, bars and indicators are written a second
time, from the contract, over polars and talipp. From records to counts:

    terms       what the job was configured to do, as far as it matters here
    rows        records as flat rows
    intake      Kafka's records to rows; how far each partition's log has come
    prints      corrections, cancels and dead letters applied: the prints that count
    conditions  what a print moves (polars)
    hours       trading sessions (polars)
    bars        prints to bars (polars)
    indicators  bars to indicators (talipp, polars)
    quotes      which quotes a signal may have seen
    judge       one symbol: what had to be written against what was
    compare     all symbols, bucket by bucket
    run         Kafka

`run.audit_ta` audits a broker; `compare.TaComparison` is the same without Kafka.
"""

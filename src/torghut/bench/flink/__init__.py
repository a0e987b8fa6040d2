"""What the job is measured against, each a Flink job of its own: `naive` and `sql`. `tables` is what they share.

Both read the contract's trades and write bars that have the contract's fields, exactly once, as the job does. Both do
less: no indicators, no quotes, no corrections and cancels, no revisions, no dead letters.
"""

"""Micro-bars and indicators: pure functions and small state objects. No I/O, no clock, nothing random.

From a print to a signal:

    conditions  which print moves which field of a bar (data, also rendered as SQL)
    bars        Partial: prints of one second, mergeable in any order; SecondBar: the finished second
    quotes      QuoteBook: the quote that stood at the end of a second
    indicators  Ema, Macd, Rsi, ... as steps over immutable states; others come in by an entry point
    signals     SignalState: one symbol's bars and indicators, with revisions and snapshots

Every result is a function of the input in its event order alone. How the input was batched, when a snapshot was
taken and restored, and which process did it leaves no trace in the values, down to the last bit.
"""

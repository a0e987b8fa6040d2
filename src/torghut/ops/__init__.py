"""The kernel of procedures: how a change to a running system is planned, made, verified, undone and remembered.

Read in this order: `step` (what one step is), `procedure` (what a procedure gives), `state` (the states of a run),
`journal` (what is remembered, and how nobody can change it unseen), `execution` (one run, forwards and backwards),
`runner` (the front door: plan, run, resume, roll back). It knows no procedure and no system that is operated.

The idea: a run is *its recorded start and a list of steps that converge*. What was found and what is wanted is
recorded once, before anything is touched; the steps are made anew from that record by whoever continues; each asks
first whether what it wants is already so. Killed at any point, the next one asks again and goes on from the truth.
"""

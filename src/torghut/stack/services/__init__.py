"""The services of the stack, one file each: how it is started, and where it is reached.

A service file has `service(context)` (or `services`), and `endpoint(context)` where there is something to connect to.
To add one, write its file and name it in `torghut.stack.plan`.
"""

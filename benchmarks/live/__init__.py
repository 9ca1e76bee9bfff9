"""Live queries: how many streams, how late, at which price; every row with a load client that is measured itself.

one.py many.py held.py capture.py quiet.py restart.py stopped.py    the rows; `python -m benchmarks live.one`
setting.py   the service, its sessions, its own figures
writing.py   commits at a pace; which of them arrived where, and when
readers.py   the load client; reader.py: one process of it: raw sockets, marks and times
stub.py      what the load client can do by itself
"""

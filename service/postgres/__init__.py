"""The embedded Postgres: started, kept and stopped by Backscroll when no database URL is given.

    home.py        who holds a home, where its server lies, which URL reaches it
    account.py     as root: the system user that owns the data directory and nothing else
    tuning.py      settings for this machine, as a pure function
    cluster.py     the wheel's binaries, initdb, configuration files
    leftovers.py   what a crash left behind, ended before a new start
    server.py      start, watch, stop

Rule: nobody but the user who runs Backscroll can connect. There is no TCP listener, the socket lies in a
directory of mode 0700, and the server asks the kernel who is calling (peer authentication).
"""

from service.postgres.cluster import binaries
from service.postgres.home import database_url, hold, running_url
from service.postgres.server import EmbeddedPostgres
from service.postgres.tuning import settings_for

__all__ = ["EmbeddedPostgres", "binaries", "database_url", "hold", "running_url", "settings_for"]

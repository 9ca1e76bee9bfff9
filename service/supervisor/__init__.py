"""`backscroll serve` and the processes that it starts.

serve.py         everything that one machine needs, in order, until SIGTERM
address.py       the API's socket, taken before anything is started
first_start.py   the user `local` and the key file
children.py      processes that are kept running, and end with their parent
processes.py     what runs in a child: one API or one worker
"""

"""`python -m service.cli`: the same as `backscroll`, for the processes that serve starts."""

from service.cli import main

main(prog_name="backscroll")

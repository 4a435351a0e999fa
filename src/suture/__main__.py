"""`python -m suture`: the command line."""

from suture.cli import main

main()

"""`python -m seehear` is `seehear`."""

from seehear.cli import main

main()

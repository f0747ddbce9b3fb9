"""`python -m carlos_tasks`: the command `carlos`."""

from carlos_tasks.start import main

main()

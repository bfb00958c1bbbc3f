"""`python -m tidelog.datastore` is the command `datastore`."""

from tidelog.datastore.cli import main

main()

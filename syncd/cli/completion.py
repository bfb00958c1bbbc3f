"""`syncd completion`: let a shell complete our words."""

from tidelog.datastore.cli.completion import make_command

command = make_command("syncd")

"""The options that several commands of the agent share."""

import click

to_option = click.option(
    "--to",
    metavar="URL",
    help="The target: http(s)://HOST of a hub, or file:///FOLDER of another root. "
    "Without it: TIDELOG_HUB, else the hub that `syncd login` stored.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
paths_argument = click.argument("paths", nargs=-1, required=True, metavar="PATH...")
receipt_option = click.option(
    "--receipt",
    metavar="FILE",
    help="Ask no target: believe what this receipt says, or all those beside the runs of a folder.",
)

"""``python -m processor``: the same as the ``collectors`` command."""

from processor.cli.main import main

main()

"""One module per subcommand of `molmo-ros`: each exposes `app` (a `typer.Typer`) or `command` (a function)."""

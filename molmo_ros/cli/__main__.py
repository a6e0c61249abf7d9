"""`python -m molmo_ros.cli` is `molmo-ros`."""

from molmo_ros.cli.main import main

main()

"""The `molmo-ros` command line."""

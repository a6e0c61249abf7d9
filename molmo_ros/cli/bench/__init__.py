"""One module per benchmark of `molmo-ros bench`: each exposes `command` (a function)."""

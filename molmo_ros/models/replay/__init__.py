"""Thoughts of a recorded run, said again."""

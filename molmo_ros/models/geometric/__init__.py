"""Grounding without weights: perceived objects against the words of a noun phrase."""

"""The place where the original keeps its compiled functions."""

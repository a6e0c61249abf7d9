"""The two numpy functions that this name re-exports for code written for older numpy."""

from numpy.lib.recfunctions import structured_to_unstructured, unstructured_to_structured

__all__ = ["structured_to_unstructured", "unstructured_to_structured"]

"""Molmo2: pointing, tracking, free text and answer probabilities on transformers' own classes."""

"""Molmo models behind any OpenAI-compatible server."""

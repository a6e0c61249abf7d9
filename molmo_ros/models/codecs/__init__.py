"""Data-only codecs of the policy servers: numbers, text, lists, maps and plain arrays, nothing that runs."""

"""Robot drivers behind one protocol."""

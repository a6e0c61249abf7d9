"""Models on another machine: how they are reached, what may be sent, and a server of our own."""

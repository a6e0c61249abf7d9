"""MolmoBot's policies, through their WebSocket servers."""

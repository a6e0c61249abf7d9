"""What all tests need: signals that reach the processes they start, and property tests that watch no clock."""

from __future__ import annotations

import signal

from hypothesis import settings

# A shell that runs a job in the background lets it ignore Ctrl-C, and its children inherit that. The tests send
# SIGINT to processes of their own, so they put the default back.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

"""Sentences with the time at which they were said."""

import time

from nas.interfaces import Say


class TimedSay:
    """Says with the time since the start of the run."""

    def __init__(self, say: Say) -> None:
        self.say, self.started = say, time.monotonic()

    def __call__(self, message: str) -> None:
        """Say a line."""
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        self.say(f"[{minutes:3d}:{seconds:02d}] {message}")

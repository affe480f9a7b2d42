"""A progress bar on a terminal: how much of a job is done, and how long the rest will take."""

import shutil
import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 30
EVERY = 0.1  # seconds between drawings
ERASED = "\r\x1b[K"


class Bar:
    """The last line of a terminal; on other streams, and on a terminal that cannot erase a line, it does nothing.

    `term` is the kind of the terminal, the environment variable TERM.
    """

    def __init__(self, stream: TextIO, term: str = "", now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._terminal = can_draw(stream, term)
        self._started = self._drawn = 0.0
        self._begun = 0.0  # the share done when the bar was first drawn: a job may resume an earlier one
        self._share = 0.0  # at the last drawing
        self._text = ""

    def draw(self, share: float, note: str = "", *, steady: bool = True) -> None:
        """Show that `share` is done, in [0, 1]; at 1 the bar is removed. A smaller share than before starts a new bar.

        Without `steady` growth, or if it may end before 1, no remaining time is shown.
        """
        if not self._terminal:
            return
        now = self._now()
        if share >= 1.0:
            self.erase()
            self._stream.flush()
            self._text = ""
        elif not self._text or now - self._drawn >= EVERY:
            if not self._text or share < self._share:
                self._started, self._begun = now, share
            self._drawn, self._share = now, share
            self._text = picture(share, now - self._started if steady else 0.0, note, self._begun)
            self._text = self._text[: shutil.get_terminal_size().columns - 1]
            self.redraw()

    def erase(self) -> None:
        """Erase the bar before an ordinary line is written."""
        if self._text:
            self._stream.write(ERASED)

    def redraw(self) -> None:
        """Draw the bar again below an ordinary line."""
        if self._text:
            self._stream.write(ERASED + self._text)
            self._stream.flush()


def can_draw(stream: TextIO, term: str) -> bool:
    """Whether `stream` is a terminal that can erase a line."""
    return stream.isatty() and term != "dumb"


def picture(share: float, elapsed: float, note: str = "", begun: float = 0.0) -> str:
    """The bar as text: `━━━━━━━━╌╌╌╌  42 %  0:12 left  sampling`.

    `elapsed` seconds ago the share was `begun`.
    """
    share = min(max(share, 0.0), 1.0)
    gained = share - begun
    full = int(share * WIDTH)
    left = f"  {_clock(elapsed * (1 - share) / gained)} left" if gained >= 0.01 and elapsed >= 1 else ""
    return f"{'━' * full}{'╌' * (WIDTH - full)} {share:4.0%}{left}{'  ' + note if note else ''}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"

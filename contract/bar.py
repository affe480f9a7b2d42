"""A progress bar on a terminal: how much of a job is done, and how long the rest will take."""

import shutil
import time
from collections.abc import Callable, Mapping
from typing import TextIO

WIDTH = 30
EVERY = 0.1  # seconds: drawing more often would only slow the job down
ERASED = "\r\x1b[K"


class Bar:
    """The last line of a terminal; on another stream it does nothing.

    Attributes
    ----------
    visible : whether `stream` is a terminal that can erase a line, which its `TERM` in `environ` says.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str], now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self.visible = stream.isatty() and environ.get("TERM") != "dumb"
        self._started = self._drawn = 0.0
        self._begun = 0.0  # the share done at the start: a job may resume an earlier one
        self._share = 0.0  # when last drawn
        self._text = ""

    def draw(self, share: float, note: str = "", *, steady: bool = True) -> None:
        """Show that `share` is done, in [0, 1]; at 1 the bar is removed. A smaller share than before starts a new bar.

        If the share does not grow in a `steady` way, or may end before 1, no remaining time is shown.
        """
        if not self.visible:
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
        """Make room for an ordinary line."""
        if self._text:
            self._stream.write(ERASED)

    def redraw(self) -> None:
        """Come back below an ordinary line."""
        if self._text:
            self._stream.write(ERASED + self._text)
            self._stream.flush()


def picture(share: float, elapsed: float, note: str = "", begun: float = 0.0) -> str:
    """The bar as text: `━━━━━━━━╌╌╌╌  42 %  0:12 left  sampling`.

    `elapsed` is in seconds; what of the share was done before them is `begun`.
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

"""Messages about JSON that depend on the version of Python."""

import sys

TRAILING_COMMA = (
    "line 2, column 16: expected valid JSON, got ',' (illegal trailing comma before end of array)."
    if sys.version_info >= (3, 13)
    else "line 2, column 17: expected valid JSON, got ']' (expecting value)."
)

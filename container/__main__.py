"""`python -m container` is `forecastle`."""

import sys

from container.cli import main

sys.exit(main())

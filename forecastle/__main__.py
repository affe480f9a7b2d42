"""`python -m forecastle` is the command `forecastle`."""

import sys

from forecastle.container.cli import main

sys.exit(main())

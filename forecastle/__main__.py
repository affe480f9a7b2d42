"""`python -m container` is `forecastle`."""

import sys

from forecastle.container.cli import main

sys.exit(main())

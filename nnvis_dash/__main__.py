"""`python -m nnvis_dash COMMAND`: the command line."""

from __future__ import annotations

import sys

from nnvis_dash.commands import main

if __name__ == "__main__":
    sys.exit(main())

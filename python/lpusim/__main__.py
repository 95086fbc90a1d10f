"""`python -m lpusim` is the command `lpusim`."""

from lpusim.cli import main

raise SystemExit(main())

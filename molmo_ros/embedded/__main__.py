"""Run a script or a module with the embedded runtime: ``python -m molmo_ros.embedded SCRIPT ...``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from molmo_ros.embedded import install

USAGE = "usage: python -m molmo_ros.embedded (SCRIPT | -m MODULE) [ARGUMENTS ...]"


def main(arguments: list[str]) -> int:
    """Run what ``arguments`` name, with the rest as its command line."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stderr.write(f"{USAGE}\n")
        return 0 if arguments else 2
    install()
    if arguments[0] == "-m":
        if len(arguments) < 2:
            sys.stderr.write(f"{USAGE}\n")
            return 2
        sys.argv = arguments[1:]
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = Path(arguments[0])
    if not script.exists():
        sys.stderr.write(f"There is no script {script}.\n")
        return 2
    sys.argv = arguments
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

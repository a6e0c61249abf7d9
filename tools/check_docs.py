"""Docs check: generated pages are current, every relative link leads somewhere, every page is reachable.

usage: check_docs.py [--write]
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def links_of(page: Path) -> list[Path]:
    """Relative links of a page, as files."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [(page.parent / target).resolve() for target in LINK.findall(text) if "://" not in target]


def dead_links(pages: list[Path]) -> list[str]:
    """Links that lead nowhere."""
    return [
        f"{page.relative_to(ROOT)}: {target.relative_to(ROOT)} is not there"
        for page in pages
        for target in links_of(page)
        if not target.exists()
    ]


def main() -> int:
    """Checks, or writes the generated pages."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    mode = "--write" if "--write" in sys.argv[1:] else "--check"
    done = subprocess.run([sys.executable, "-m", "molmo_ros.nodes.reference", mode], cwd=ROOT, check=False)
    problems = dead_links(pages)
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return 1 if problems or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())

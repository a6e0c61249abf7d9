"""``python -m ament_index_python.cli [TYPE [NAME]]``: look into the index."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from .resources import get_resource, get_resource_types, get_resources


def main(argv: list[str] | None = None) -> str | None:
    """Print the types, the resources of a type, or one resource; returns an error to exit with."""
    parser = argparse.ArgumentParser(description="Query the ament resource index.")
    parser.add_argument("resource_type", nargs="?", metavar="TYPE", help="The type of the resource")
    parser.add_argument("resource_name", nargs="?", metavar="NAME", help="The name of the resource")
    args = parser.parse_args([] if argv is None else argv)
    out = sys.stdout.write
    if args.resource_type is None:
        out("".join(f"{name}\n" for name in sorted(get_resource_types())))
    elif args.resource_name is None:
        resources = get_resources(args.resource_type)
        out("".join(f"{name}\t{resources[name]}\n" for name in sorted(resources)))
    else:
        try:
            content, prefix = get_resource(args.resource_type, args.resource_name)
        except (LookupError, OSError) as error:
            return str(error)
        out(f"{prefix}\n" + (f"<<<\n{content}\n>>>\n" if content else ""))
    return None


def resource_type_completer(prefix: str, **kwarg: Any) -> Iterator[str]:
    """Complete the name of a type."""
    return (name for name in get_resource_types() if name.startswith(prefix))


def resource_name_completer(prefix: str, parsed_args: Any, **kwargs: Any) -> Iterator[str]:
    """Complete the name of a resource."""
    resource_type = getattr(parsed_args, "resource_type", None)
    names = get_resources(resource_type) if resource_type else {}
    return (name for name in names if name.startswith(prefix))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

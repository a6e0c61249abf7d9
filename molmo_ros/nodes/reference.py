"""Writes docs/reference/nodes.md and errors.md from the code: parameters, topics, QoS, error codes.

usage: python -m molmo_ros.nodes.reference --check | --write
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

from molmo_ros.core.errors import ErrorCode
from molmo_ros.nodes.base import Param

ROOT = Path(__file__).parents[2]
NODES = Path(__file__).parent
MAKERS = {
    "create_publisher": "says",
    "create_subscription": "listens",
    "create_service": "serves",
    "create_client": "calls",
    "ActionServer": "serves action",
    "ActionClient": "calls action",
    "Subscriber": "listens",
}


def node_modules() -> list[str]:
    """Names of the node files."""
    return sorted(p.stem for p in NODES.glob("*_node.py") if p.stem != "thinking_node")


def imported_helpers(module: str, seen: set[str] | None = None) -> list[str]:
    """The node file itself and the files of nodes/ whose classes it uses, in order."""
    seen = set() if seen is None else seen
    seen.add(module)
    found = [module]
    tree = ast.parse((NODES / f"{module}.py").read_text(encoding="utf-8"))
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("molmo_ros.nodes."):
            name = statement.module.rsplit(".", 1)[1]
            helper = name not in ("convert", "markers", "base", "qos", "reference") and not name.endswith("_node")
            if (helper or name == "thinking_node") and name not in seen:
                found += imported_helpers(name, seen)
    return found


def endpoints(module: str) -> list[tuple[str, str, str, str]]:
    """(direction, name, type, QoS) of every endpoint a file makes, as written in its source."""
    rows = []
    tree = ast.parse((NODES / f"{module}.py").read_text(encoding="utf-8"))
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        maker = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if maker not in MAKERS:
            continue
        args = call.args[1:] if maker in ("ActionServer", "ActionClient", "Subscriber") else call.args
        if len(args) < 2:
            continue
        kind, name = ast.unparse(args[0]), args[1]
        label = ast.unparse(name)
        if isinstance(name, ast.Constant):
            label = str(name.value)
        elif isinstance(name, ast.JoinedStr):
            label = "".join(
                str(v.value) if isinstance(v, ast.Constant) else f"<{ast.unparse(v.value)}>" for v in name.values
            )
        qos = next((ast.unparse(k.value) for k in call.keywords if k.arg == "qos_profile"), "")
        if not qos and maker in ("create_publisher", "create_subscription"):
            position = 2 if maker == "create_publisher" else 3
            qos = ast.unparse(args[position]) if len(args) > position else ""
        rows.append((MAKERS[maker], label, kind, qos))
    return rows


def nodes_page() -> str:
    """The page of all nodes."""
    out = [
        "# Nodes",
        "",
        "Written by `python tools/check_docs.py --write` from the code. Names are relative, so a namespace gives a second",
        "robot. SENSOR is best effort, keep last 5; DECISION reliable, transient local, depth 1; COMMAND reliable, depth 1;",
        "EVENT reliable, depth 50. Error codes: [errors](errors.md).",
    ]
    for name in node_modules():
        module = importlib.import_module(f"molmo_ros.nodes.{name}")
        summary = (module.__doc__ or "").strip().splitlines()[0].split(": ", 1)[-1]
        out += ["", f"## {name}", "", summary, "", "| | name | type | QoS |", "|---|---|---|---|"]
        rows = [row for helper in imported_helpers(name) for row in endpoints(helper)]
        out += [f"| {way} | `{topic}` | `{kind}` | {qos} |" for way, topic, kind, qos in dict.fromkeys(rows)]
        params: list[Param] = []
        for helper in imported_helpers(name):
            loaded = importlib.import_module(f"molmo_ros.nodes.{helper}")
            for attribute in ("PARAMS", "MODEL_PARAMS"):
                params += getattr(loaded, attribute, ())
        out += ["", "| parameter | default | bounds | meaning |", "|---|---|---|---|"]
        out += [row(p) for p in {p.name: p for p in reversed(params)}.values()]
    return "\n".join(out) + "\n"


def row(param: Param) -> str:
    """One table row."""
    bounds = ", ".join(param.choices)
    if param.low is not None or param.high is not None:
        bounds = f"{param.low:g} to {param.high:g}" if param.low is not None and param.high is not None else ""
    default = f"`{param.default!r}`"
    return f"| `{param.name}` | {default} | {bounds} | {param.doc} |"


def errors_page() -> str:
    """The page of all error codes."""
    out = [
        "# Error codes",
        "",
        "Written by `python tools/check_docs.py --write` from `molmo_ros_interfaces/msg/ErrorCode.msg`. One range per",
        "subsystem; every fault comes with one sentence that says what to do, and no motion follows a fault.",
        "",
        "| code | name |",
        "|---|---|",
    ]
    out += [f"| {int(code)} | `{code.name}` |" for code in ErrorCode]
    return "\n".join(out) + "\n"


def main(mode: str) -> int:
    """Checks or writes both pages."""
    stale = 0
    for path, text in (
        (ROOT / "docs/reference/nodes.md", nodes_page()),
        (ROOT / "docs/reference/errors.md", errors_page()),
    ):
        if mode == "--write":
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale; run: python tools/check_docs.py --write\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "--check"))

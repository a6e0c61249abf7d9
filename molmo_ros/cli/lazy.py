"""Subcommands found by file name and imported only when they run.

`molmo-ros --help` reads the first line of each module's docstring without importing the module, so listing
commands stays fast however heavy a command's libraries are, and a module that is not installed does not appear.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable


def module_names(package: str) -> dict[str, str]:
    """Command name to module name for every public module of a package, found without importing any of them."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    return {
        info.name.replace("_", "-"): f"{package}.{info.name}"
        for info in pkgutil.iter_modules(folders)
        if not info.name.startswith("_")
    }


def summary(module: str) -> str:
    """The first line of a module's docstring, read from its source without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return docstring.splitlines()[0] if docstring else ""


def load(module: str, name: str) -> Any:
    """Import a command module and return its command object under the given name.

    Raises:
        AttributeError: when the module exposes neither `app` nor `command`.
    """
    loaded = importlib.import_module(module)
    app = getattr(loaded, "app", None)
    if app is None:
        function: Callable[..., Any] | None = getattr(loaded, "command", None)
        if function is None:
            raise AttributeError(f"{module} exposes neither app nor command")
        settings: dict[str, Any] = getattr(loaded, "CONTEXT_SETTINGS", {})
        app = typer.Typer(add_completion=False)
        app.command(name, context_settings=settings)(function)
    command = typer.main.get_command(app)
    command.name = name
    return command


class LazyCommand(TyperCommand):
    """A command that shows its one-line help at once and imports its module when it is called."""

    def __init__(self, name: str, module: str) -> None:
        super().__init__(name, help=summary(module))
        self.module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the real command and let it parse its arguments."""
        return load(self.module, str(self.name)).make_context(info_name, args, parent=parent, **extra)


class LazyGroup(TyperGroup):
    """A group whose commands are the modules of `package`, in `order` first and then by name."""

    package: str = ""
    order: Sequence[str] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands that exist, the ordered ones first."""
        del ctx
        found = module_names(self.package)
        first = [name for name in self.order if name in found]
        return first + sorted(set(found) - set(first))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None where no module has it."""
        del ctx
        module = module_names(self.package).get(cmd_name)
        return None if module is None else LazyCommand(cmd_name, module)

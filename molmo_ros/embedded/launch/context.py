"""Launch configurations, environment and the substitutions that read them."""

from __future__ import annotations

import math
import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

from molmo_ros.embedded.launch import packages
from molmo_ros.embedded.launch.document import Element, LaunchError
from molmo_ros.embedded.launch.expressions import ExpressionError, evaluate
from molmo_ros.embedded.launch.plan import EntryPoint
from molmo_ros.embedded.launch.substitutions import Call, Template, Text, parse_template
from molmo_ros.embedded.launch.values import ParameterValue, ValueFormatError, boolean

COMMAND_TIMEOUT_S = 60.0


class SubstitutionError(ValueError):
    """A substitution has no value; the message is one sentence."""


@dataclass(kw_only=True)
class Scope:
    """What a scoped group may change without the rest seeing it."""

    configurations: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    namespace: str | None = None
    parameters: list[tuple[str, ParameterValue] | Path] = field(default_factory=list)
    remaps: list[tuple[str, str]] = field(default_factory=list)

    def copied(self) -> Scope:
        """A scope that can change without this one changing."""
        return Scope(**{name: copy(value) for name, value in vars(self).items()})


@dataclass(kw_only=True)
class Context:
    """State of a launch while its files are evaluated."""

    scope: Scope
    file: Path
    log_dir: Path
    original: Scope = field(default_factory=Scope)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def scoped(self, *, forwarding: bool = True) -> Iterator[None]:
        """A scope that ends with the block; without forwarding it starts from the original environment."""
        outer = self.scope
        self.scope = outer.copied() if forwarding else replace(self.original.copied(), configurations={})
        try:
            yield
        finally:
            self.scope = outer

    @contextmanager
    def in_file(self, path: Path) -> Iterator[None]:
        """The file that `$(dirname)` and `$(filename)` speak of."""
        outer, self.file = self.file, path
        try:
            yield
        finally:
            self.file = outer

    def text(self, element: Element, attribute: str, default: str | None = None) -> str:
        """An attribute with its substitutions made.

        Raises:
            LaunchError: naming file and line, when a substitution has no value.
        """
        template = element.templates.get(attribute)
        if template is None:
            if default is None:
                raise element.error(f"<{element.tag}> needs the attribute '{attribute}'")
            return default
        return self.expand(element, attribute, template)

    def expand(self, element: Element, attribute: str, template: Template) -> str:
        """A template of an attribute with its substitutions made.

        Raises:
            LaunchError: naming file and line, when a substitution has no value.
        """
        try:
            return self.perform(template)
        except (SubstitutionError, ValueFormatError, ExpressionError, packages.PackageNotFoundError) as error:
            raise element.error(f"attribute '{attribute}' of <{element.tag}>: {error.args[0]}") from error

    def perform(self, template: Template) -> str:
        """Make the substitutions of a template.

        Raises:
            SubstitutionError: when one has no value.
        """
        return "".join(part.text if isinstance(part, Text) else self._call(part) for part in template)

    def _call(self, call: Call) -> str:
        known = _SUBSTITUTIONS.get(call.name)
        if known is None:
            raise SubstitutionError(f"unknown substitution $({call.name} ...)")
        fewest, most, function = known
        if not fewest <= len(call.arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {'any number of' if most > 99 else most}"
            raise SubstitutionError(f"$({call.name} ...) takes {wanted} arguments, got {len(call.arguments)}")
        return function(self, *call.arguments)


def _var(context: Context, name: Template, default: Template | None = None) -> str:
    key = context.perform(name)
    if key in context.scope.configurations:
        return context.scope.configurations[key]
    if default is None:
        raise SubstitutionError(f"the launch argument or variable '{key}' is not set")
    return context.perform(default)


def _env(context: Context, name: Template, default: Template | None = None) -> str:
    key = context.perform(name)
    if key in context.scope.environment:
        return context.scope.environment[key]
    if default is None:
        raise SubstitutionError(f"the environment variable '{key}' is not set")
    return context.perform(default)


def _optenv(context: Context, name: Template, default: Template = ()) -> str:
    return _env(context, name, default)


def _find_share(context: Context, package: Template) -> str:
    return str(packages.find_share(context.perform(package)))


def _find_prefix(context: Context, package: Template) -> str:
    return str(packages.find_prefix(context.perform(package)))


def _exec_in_package(context: Context, executable: Template, package: Template) -> str:
    found = packages.find_executable(context.perform(package), context.perform(executable))
    if isinstance(found, EntryPoint):
        if not found.script:
            raise SubstitutionError(f"'{context.perform(executable)}' is a Python entry point and has no path")
        return found.script
    return found


def _find_exec(context: Context, name: Template) -> str:
    word = context.perform(name)
    found = shutil.which(word, path=context.scope.environment.get("PATH"))
    if found is None:
        raise SubstitutionError(f"executable '{word}' is not on the PATH")
    return found


def _eval(context: Context, expression: Template, _modules: Template = ()) -> str:
    return str(evaluate(context.perform(expression)))


def _command(context: Context, command: Template, on_stderr: Template | None = None) -> str:
    line = context.perform(command)
    policy = "fail" if on_stderr is None else context.perform(on_stderr)
    if policy not in ("fail", "ignore", "warn", "capture"):
        raise SubstitutionError(f"'{policy}' is not one of fail, ignore, warn and capture")
    # Scripts of this Python's own environment, xacro above all, are found also where it has not been activated.
    environment = dict(context.scope.environment)
    environment["PATH"] = os.pathsep.join(filter(None, [environment.get("PATH", ""), os.path.dirname(sys.executable)]))
    try:
        words = shlex.split(line)
        words[:1] = [shutil.which(word, path=environment["PATH"]) or word for word in words[:1]]
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if policy == "capture" else subprocess.PIPE,
            env=environment,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise SubstitutionError(f"command '{line}' cannot run: {error.filename} does not exist") from error
    except (OSError, ValueError) as error:
        raise SubstitutionError(f"command '{line}' cannot run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise SubstitutionError(f"command '{line}' took longer than {COMMAND_TIMEOUT_S:.0f} s") from error
    said = (done.stderr or b"").decode(errors="replace").strip()
    if done.returncode != 0:
        because = f": {said}" if said else ""
        raise SubstitutionError(f"command '{line}' failed with exit code {done.returncode}{because}")
    if said and policy == "fail":
        raise SubstitutionError(f"command '{line}' wrote to stderr: {said}")
    if said and policy == "warn":
        context.warnings.append(f"command '{line}' wrote to stderr: {said}")
    return done.stdout.decode(errors="replace")


def _anon(context: Context, name: Template) -> str:
    word = context.perform(name)
    key = f"anon{word}"
    if key not in context.scope.configurations:
        unique = f"{word}_{socket.gethostname()}_{os.getpid()}_{random.getrandbits(63)}"
        context.scope.configurations[key] = unique.translate(str.maketrans(".-:", "___"))
    return context.scope.configurations[key]


def _boolean(context: Context, template: Template) -> bool:
    return boolean(context.perform(template))


def _not(context: Context, value: Template) -> str:
    return _word(not _boolean(context, value))


def _all(context: Context, *values: Template) -> str:
    operands = [_boolean(context, value) for value in values]
    return _word(all(operands))


def _any(context: Context, *values: Template) -> str:
    operands = [_boolean(context, value) for value in values]
    return _word(any(operands))


def _equals(context: Context, left: Template, right: Template) -> str:
    return _word(_same(context.perform(left), context.perform(right)))


def _not_equals(context: Context, left: Template, right: Template) -> str:
    return _word(not _same(context.perform(left), context.perform(right)))


def _same(left: str, right: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if left.lower() in words and right.lower() in words:
        return words[left.lower()] == words[right.lower()]
    try:
        return math.isclose(float(left), float(right))
    except ValueError:
        return left == right


def _if(context: Context, test: Template, then: Template, otherwise: Template = ()) -> str:
    return context.perform(then if _boolean(context, test) else otherwise)


def _file_content(context: Context, path: Template) -> str:
    name = context.perform(path)
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SubstitutionError(f"cannot read '{name}'") from error


def _param(context: Context, name: Template, default: Template | None = None) -> str:
    key = context.perform(name)
    for entry in context.scope.parameters:
        if isinstance(entry, tuple) and entry[0] == key:
            return str(entry[1])
    if default is None:
        raise SubstitutionError(f"no <set_parameter> has set the parameter '{key}'")
    return context.perform(default)


def _word(value: bool) -> str:
    return "true" if value else "false"


_SUBSTITUTIONS: dict[str, tuple[int, int, Callable[..., str]]] = {
    "var": (1, 2, _var),
    "env": (1, 2, _env),
    "optenv": (1, 2, _optenv),
    "find-pkg-share": (1, 1, _find_share),
    "find-pkg-prefix": (1, 1, _find_prefix),
    "exec-in-pkg": (2, 2, _exec_in_package),
    "find-exec": (1, 1, _find_exec),
    "eval": (1, 2, _eval),
    "command": (1, 2, _command),
    "dirname": (0, 0, lambda context: str(context.file.parent)),
    "filename": (0, 0, lambda context: str(context.file)),
    "anon": (1, 1, _anon),
    "not": (1, 1, _not),
    "and": (2, 2, _all),
    "or": (2, 2, _any),
    "all": (0, 1000, _all),
    "any": (0, 1000, _any),
    "equals": (2, 2, _equals),
    "not-equals": (2, 2, _not_equals),
    "if": (2, 3, _if),
    "file-content": (1, 1, _file_content),
    "launch_log_dir": (0, 0, lambda context: str(context.log_dir)),
    "log_dir": (0, 0, lambda context: str(context.log_dir)),
    "param": (1, 2, _param),
}


def substitute_text(context: Context, text: str, place: str) -> str:
    """Make the substitutions of a free text (a parameter file with `allow_substs`).

    Raises:
        LaunchError: when a substitution is malformed or has no value.
    """
    try:
        return context.perform(parse_template(text))
    except (ValueError, packages.PackageNotFoundError) as error:
        raise LaunchError(str(error.args[0]), place) from error

"""Turns launch files and arguments into a plan: what would run, in what order, with which arguments."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from molmo_ros.embedded.launch import nodes, packages
from molmo_ros.embedded.launch.context import Context, Scope
from molmo_ros.embedded.launch.document import Element, LaunchError, load_document
from molmo_ros.embedded.launch.plan import Argument, LaunchPlan, MessagePlan, ProcessPlan, ShutdownPlan
from molmo_ros.embedded.launch.substitutions import Call, Template, Text
from molmo_ros.embedded.launch.values import ValueFormatError, boolean, condition, parameter, seconds

MAX_INCLUDE_DEPTH = 32
T = TypeVar("T")
BUILT_IN_ARGUMENTS = frozenset(
    {"launch-prefix", "launch-prefix-filter", "sigterm_timeout", "sigkill_timeout", "emulate_tty"}
)


def parse_arguments(words: Iterable[str]) -> dict[str, str]:
    """Read `name:=value` words; the last one of a name wins.

    Raises:
        LaunchError: when a word has another form.
    """
    arguments: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator or not name:
            raise LaunchError(f"'{word}' is not a launch argument; write it as name:=value")
        arguments[name] = value
    return arguments


def make_plan(
    path: Path,
    arguments: dict[str, str] | None = None,
    *,
    environment: dict[str, str] | None = None,
    log_dir: Path | None = None,
) -> LaunchPlan:
    """Evaluate a launch file.

    Args:
        path: the launch file.
        arguments: launch arguments by name.
        environment: the environment to start from; this process' own by default.
        log_dir: folder that `$(log_dir)` names.

    Returns:
        What the file starts, every substitution made.

    Raises:
        LaunchError: in one sentence with file and line; also for an unknown or a missing argument.
    """
    given = dict(arguments or {})
    scope = Scope(configurations=dict(given), environment=dict(os.environ if environment is None else environment))
    context = Context(scope=scope, original=scope.copied(), file=path.resolve(), log_dir=log_dir or default_log_root())
    evaluation = _Evaluation(context)
    root = load_document(path)
    _refuse_unknown(root, given)
    _require(root, given, "")
    evaluation.file(root, path)
    warnings = [MessagePlan(text=text, warning=True) for text in context.warnings]
    return LaunchPlan(steps=(*warnings, *evaluation.steps))


def declared_arguments(path: Path) -> list[Argument]:
    """The arguments of a launch file and of the files it includes, as far as their names are fixed.

    Raises:
        LaunchError: when a file cannot be used.
    """
    found: dict[str, Argument] = {}
    for element, conditional in _declarations(load_document(path), conditional=False, seen=()):
        name = element.attributes["name"]
        choices = tuple(choice.attributes["value"] for choice in element.of("choice"))
        described = element.attributes.get("description", "no description given")
        argument = Argument(
            name=name,
            description=described,
            default=element.attributes.get("default"),
            choices=choices,
            conditional=conditional,
        )
        found.setdefault(name, argument)
    return list(found.values())


def default_log_root() -> Path:
    """Where logs go: `ROS_LOG_DIR`, or `log` below `ROS_HOME`, or `~/.ros/log`."""
    if os.environ.get("ROS_LOG_DIR"):
        return Path(os.environ["ROS_LOG_DIR"]).expanduser()
    return Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser() / "log"


def _declarations(root: Element, *, conditional: bool, seen: tuple[Path, ...]) -> Iterable[tuple[Element, bool]]:
    for element in root.children:
        inside = conditional or "if" in element.attributes or "unless" in element.attributes
        if element.tag == "arg":
            yield element, inside
        elif element.tag in ("group", "timer"):
            yield from _declarations(element, conditional=inside, seen=seen)
        elif element.tag == "include":
            path = _fixed_path(element)
            if path is None or path in seen or len(seen) > MAX_INCLUDE_DEPTH:
                continue
            passed = {child.attributes["name"] for child in element.of("arg")}
            for nested, nested_conditional in _declarations(
                load_document(path), conditional=inside, seen=(*seen, path)
            ):
                if nested.attributes["name"] not in passed:
                    yield nested, nested_conditional


def _fixed_path(element: Element) -> Path | None:
    """The file of an include where no launch argument decides it."""
    template = element.templates["file"]
    if any(not isinstance(part, Text) and part.name in ("var", "eval", "command", "anon") for part in template):
        return None
    scope = Scope(environment=dict(os.environ))
    context = Context(scope=scope, original=scope, file=element.path.resolve(), log_dir=default_log_root())
    try:
        path = Path(context.text(element, "file"))
    except LaunchError:
        return None
    return path if path.is_file() else None


def _open_include(root: Element) -> bool:
    return any(element.tag == "include" and _fixed_path(element) is None for element in root.walk())


def _used_variables(template: Template) -> Iterable[str]:
    for part in template:
        if isinstance(part, Call):
            if part.name == "var" and len(part.arguments[0]) == 1 and isinstance(part.arguments[0][0], Text):
                yield part.arguments[0][0].text
            for argument in part.arguments:
                yield from _used_variables(argument)


def _refuse_unknown(root: Element, given: dict[str, str]) -> None:
    known = {element.attributes["name"] for element, _ in _declarations(root, conditional=False, seen=())}
    used = {
        name for element in root.walk() for template in element.templates.values() for name in _used_variables(template)
    }
    for name in given:
        if name in known or name in used or name in BUILT_IN_ARGUMENTS or _open_include(root):
            continue
        close = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        takes = ", ".join(sorted(known)) or "no arguments"
        raise LaunchError(f"unknown launch argument '{name}'{hint} (the file takes {takes})", str(root.path))


def _require(root: Element, given: Iterable[str], place: str) -> None:
    """Refuse a file whose unconditional arguments without a default are not given."""
    missing = [
        element
        for element in root.of("arg")
        if not {"default", "if", "unless"} & set(element.attributes) and element.attributes["name"] not in given
    ]
    for element in missing:
        description = element.attributes.get("description")
        said = f" ({description})" if description else ""
        name = element.attributes["name"]
        raise LaunchError(
            f"the launch argument '{name}'{said} is required; give it as {name}:=<value>", place or element.place
        )


class _Evaluation:
    """One walk through a launch file and its includes."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.steps: list[ProcessPlan | MessagePlan | ShutdownPlan] = []
        self.delay_s = 0.0
        self.depth = 0
        self.names: Counter[str] = Counter()
        self.actions: dict[str, Callable[[Element], None]] = {
            "arg": self._arg,
            "let": self._let,
            "set_env": self._set_env,
            "unset_env": self._unset_env,
            "append_env": self._append_env,
            "reset": self._reset,
            "reset_env": self._reset_env,
            "node": self._node,
            "executable": self._executable,
            "include": self._include,
            "group": self._group,
            "set_parameter": self._set_parameter,
            "set_parameters_from_file": self._set_parameters_from_file,
            "set_remap": self._set_remap,
            "push_ros_namespace": self._push_namespace,
            "push-ros-namespace": self._push_namespace,
            "timer": self._timer,
            "log": self._log,
            "shutdown": self._shutdown,
        }

    def file(self, root: Element, path: Path) -> None:
        if "deprecated" in root.attributes:
            self.context.warnings.append(f"launch file [{path}] is deprecated: {root.attributes['deprecated']}")
        with self.context.in_file(path.resolve()):
            self._all(root.children)

    def _all(self, elements: Sequence[Element]) -> None:
        for element in elements:
            if self._wanted(element):
                self.actions[element.tag](element)

    def _wanted(self, element: Element) -> bool:
        for attribute, expected in (("if", True), ("unless", False)):
            if attribute in element.attributes:
                return self._typed(element, attribute, condition) is expected
        return True

    def _typed(self, element: Element, attribute: str, read: Callable[[str], T], default: str | None = None) -> T:
        text = self.context.text(element, attribute, default)
        try:
            return read(text)
        except ValueFormatError as error:
            raise element.error(f"attribute '{attribute}' of <{element.tag}>: {error.args[0]}") from error

    def _pairs(self, element: Element, tag: str) -> list[tuple[str, str]]:
        return [(self.context.text(child, "name"), self.context.text(child, "value")) for child in element.of(tag)]

    def _arg(self, element: Element) -> None:
        configurations = self.context.scope.configurations
        name = element.attributes["name"]
        if name not in configurations:
            if "default" not in element.attributes:
                raise element.error(f"the launch argument '{name}' is required; give it as {name}:=<value>")
            configurations[name] = self.context.text(element, "default")
        choices = [self.context.text(choice, "value") for choice in element.of("choice")]
        if choices and configurations[name] not in choices:
            raise element.error(
                f"the launch argument '{name}' is '{configurations[name]}'; valid choices are {', '.join(choices)}"
            )

    def _let(self, element: Element) -> None:
        name, value = self.context.text(element, "name"), self.context.text(element, "value")
        self.context.scope.configurations[name] = value

    def _set_env(self, element: Element) -> None:
        name, value = self.context.text(element, "name"), self.context.text(element, "value")
        if not name or "=" in name or "\0" in name + value:
            raise element.error(f"'{name}' is not a name of an environment variable")
        self.context.scope.environment[name] = value

    def _unset_env(self, element: Element) -> None:
        self.context.scope.environment.pop(self.context.text(element, "name"), None)

    def _append_env(self, element: Element) -> None:
        name, value = self.context.text(element, "name"), self.context.text(element, "value")
        separator = self.context.text(element, "separator", os.pathsep)
        present = self.context.scope.environment.get(name)
        if present is not None:
            ends = (value, present) if self._typed(element, "prepend", boolean, "false") else (present, value)
            value = separator.join(ends)
        self.context.scope.environment[name] = value

    def _reset(self, element: Element) -> None:
        kept = dict(self._pairs(element, "keep"))
        self.context.scope = Scope(configurations=kept, environment=self.context.scope.environment)

    def _reset_env(self, _element: Element) -> None:
        self.context.scope.environment = dict(self.context.original.environment)

    def _include(self, element: Element) -> None:
        path = Path(self.context.text(element, "file"))
        if self.depth >= MAX_INCLUDE_DEPTH:
            raise element.error(f"launch files include each other deeper than {MAX_INCLUDE_DEPTH}")
        if not path.is_file():
            raise element.error(f"the included file '{path}' does not exist")
        root = load_document(path)
        arguments = self._pairs(element, "arg")
        _require(root, [name for name, _ in arguments], element.place)
        self.context.scope.configurations.update(arguments)
        self.depth += 1
        self.file(root, path)
        self.depth -= 1

    def _group(self, element: Element) -> None:
        scoped = self._typed(element, "scoped", boolean, "true")
        forwarding = self._typed(element, "forwarding", boolean, "true")
        kept = self._pairs(element, "keep")
        actions = [child for child in element.children if child.tag != "keep"]
        if scoped:
            with self.context.scoped(forwarding=forwarding):
                self.context.scope.configurations.update(kept)
                self._all(actions)
        else:
            self.context.scope.configurations.update(kept)
            self._all(actions)

    def _set_parameter(self, element: Element) -> None:
        value = self._typed(element, "value", parameter)
        self.context.scope.parameters.append((self.context.text(element, "name"), value))

    def _set_parameters_from_file(self, element: Element) -> None:
        path = Path(self.context.text(element, "filename")).absolute()
        if not path.is_file():
            raise element.error(f"the parameter file '{path}' does not exist")
        self.context.scope.parameters.append(path)

    def _set_remap(self, element: Element) -> None:
        self.context.scope.remaps.append((self.context.text(element, "from"), self.context.text(element, "to")))

    def _push_namespace(self, element: Element) -> None:
        scope = self.context.scope
        scope.namespace = nodes.absolute_namespace(element, scope.namespace, self.context.text(element, "namespace"))

    def _timer(self, element: Element) -> None:
        outer = self.delay_s
        self.delay_s = outer + self._typed(element, "period", seconds)
        self._all(element.children)
        self.delay_s = outer

    def _log(self, element: Element) -> None:
        self.steps.append(MessagePlan(text=self.context.text(element, "message"), delay_s=self.delay_s))

    def _shutdown(self, element: Element) -> None:
        reason = self.context.text(element, "reason", "the launch file asks for it")
        self.steps.append(ShutdownPlan(reason=reason, delay_s=self.delay_s))

    def _node(self, element: Element) -> None:
        try:
            self.steps.append(nodes.node_plan(self.context, element, self.delay_s))
            self._count(nodes.full_name(self.context, element))
        except packages.PackageNotFoundError as error:
            if self.context.text(element, "pkg", "") not in packages.OPTIONAL_TOOLS:
                raise element.error(error.args[0]) from error
            text = f"{element.place}: {error.args[0]}; continuing without it"
            self.steps.append(MessagePlan(text=text, delay_s=self.delay_s, warning=True))

    def _count(self, name: str | None) -> None:
        if name is None:
            return
        self.names[name] += 1
        if self.names[name] > 1:
            text = f"there are now at least {self.names[name]} nodes with the name {name} created within this launch"
            self.steps.append(MessagePlan(text=text, delay_s=self.delay_s, warning=True))

    def _executable(self, element: Element) -> None:
        self.steps.append(nodes.executable_plan(self.context, element, self.delay_s))

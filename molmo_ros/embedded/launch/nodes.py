"""`<node>` and `<executable>`: command lines, names, parameters and remaps as `launch_ros` gives them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from molmo_ros.embedded.launch import packages
from molmo_ros.embedded.launch.context import Context, substitute_text
from molmo_ros.embedded.launch.document import Element
from molmo_ros.embedded.launch.plan import EntryPoint, ParameterFile, ProcessPlan
from molmo_ros.embedded.launch.substitutions import SubstitutionSyntaxError, split_command_line
from molmo_ros.embedded.launch.values import (
    ParameterValue,
    ValueFormatError,
    boolean,
    integer,
    load_yaml,
    parameter,
    parameter_list,
    seconds,
)

_NODE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMESPACE = re.compile(r"/|(/[A-Za-z_][A-Za-z0-9_]*)+")
_TOKENS = ("screen", "log", "both", "own_log", "full")


def absolute_namespace(element: Element, base: str | None, name: str | None) -> str | None:
    """A namespace put below the pushed one, unless it is absolute.

    Raises:
        LaunchError: when the result is no valid namespace.
    """
    if base is None and name is None:
        return None
    if name is None:
        joined = base or "/"
    elif name.startswith("/") or not base:
        joined = name
    else:
        joined = f"{base.rstrip('/')}/{name}"
    if joined != "/":
        joined = joined.rstrip("/")
    if not joined.startswith("/"):
        joined = f"/{joined}"
    if not _NAMESPACE.fullmatch(joined):
        raise element.error(f"'{joined}' is not a valid namespace")
    return joined


def full_name(context: Context, element: Element) -> str | None:
    """A node's namespace and name, where the launch file says both.

    Raises:
        LaunchError: when they are not valid.
    """
    name = context.text(element, "name" if "name" in element.attributes else "node-name", "") or None
    if name is not None and not _NODE_NAME.fullmatch(name):
        raise element.error(f"'{name}' is not a valid node name")
    namespace = _namespace(context, element)
    return None if name is None or namespace is None else f"{namespace.rstrip('/')}/{name}"


def _namespace(context: Context, element: Element) -> str | None:
    own = context.text(element, "namespace") if "namespace" in element.attributes else None
    return absolute_namespace(element, context.scope.namespace, own)


def node_plan(context: Context, element: Element, delay_s: float) -> ProcessPlan:
    """The process of a `<node>`.

    Raises:
        LaunchError: when an attribute or a parameter is wrong.
        PackageNotFoundError: when the executable is not installed.
    """
    scope = context.scope
    executable = context.text(element, "exec")
    if "pkg" in element.attributes:
        program = packages.find_executable(context.text(element, "pkg"), executable)
    else:
        program = executable
    name = context.text(element, "name" if "name" in element.attributes else "node-name", "") or None
    named = full_name(context, element)
    namespace = _namespace(context, element)
    arguments: list[str | ParameterFile] = [*_words(context, element, "args")]
    if "ros_args" in element.attributes:
        arguments += ["--ros-args", *_words(context, element, "ros_args")]
    ros: list[str | ParameterFile] = []
    if name is not None:
        ros += ["-r", f"__node:={name}"]
    if namespace is not None:
        ros += ["-r", f"__ns:={namespace}"]
    for entry in scope.parameters:
        if isinstance(entry, Path):
            ros += ["--params-file", str(entry)]
        else:
            ros += ["-p", f"{entry[0]}:={_inline(entry[1])}"]
    for child in element.of("param"):
        ros += ["--params-file", _parameter_file(context, child, named or "/**")]
    remaps = [*scope.remaps]
    remaps += [(context.text(child, "from"), context.text(child, "to")) for child in element.of("remap")]
    for source, target in remaps:
        ros += ["-r", f"{source}:={target}"]
    label = context.text(element, "exec_name", os.path.basename(executable))
    return ProcessPlan(
        name=label,
        program=program,
        arguments=(*arguments, "--ros-args", *ros),
        **_process(context, element, delay_s, program),
    )


def executable_plan(context: Context, element: Element, delay_s: float) -> ProcessPlan:
    """The process of an `<executable>`.

    Raises:
        LaunchError: when an attribute is wrong.
    """
    common = _process(context, element, delay_s, None)
    words = [context.text(element, "cmd")] if common["shell"] else _words(context, element, "cmd")
    if not words or not words[0]:
        raise element.error("the attribute 'cmd' of <executable> is empty")
    label = context.text(element, "name", os.path.basename(shlex.split(words[0])[0] if common["shell"] else words[0]))
    return ProcessPlan(name=label, program=words[0], arguments=tuple(words[1:]), **common)


def _words(context: Context, element: Element, attribute: str) -> list[str]:
    if attribute not in element.attributes:
        return []
    try:
        templates = split_command_line(element.templates[attribute])
    except SubstitutionSyntaxError as error:
        raise element.error(f"attribute '{attribute}' of <{element.tag}>: {error}") from error
    return [context.expand(element, attribute, template) for template in templates]


def _process(context: Context, element: Element, delay_s: float, program: str | EntryPoint | None) -> dict[str, Any]:
    configurations = context.scope.configurations

    def typed(attribute: str, read: Callable[[str], Any], default: str) -> Any:
        try:
            return read(context.text(element, attribute, default))
        except ValueFormatError as error:
            raise element.error(f"attribute '{attribute}' of <{element.tag}>: {error.args[0]}") from error

    on_exit = context.text(element, "on_exit", "")
    if on_exit not in ("", "shutdown"):
        raise element.error(f"attribute 'on_exit' of <{element.tag}> is '{on_exit}'; only 'shutdown' is possible")
    environment = dict(context.scope.environment)
    environment.update((context.text(e, "name"), context.text(e, "value")) for e in element.of("env"))
    output = environment.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT") or context.text(element, "output", "log")
    if output not in _TOKENS:
        raise element.error(
            f"attribute 'output' of <{element.tag}> is '{output}'; expected one of {', '.join(_TOKENS)}"
        )
    cwd = context.text(element, "cwd", "") or None
    if cwd is not None and not os.path.isdir(cwd):
        raise element.error(f"the working folder '{cwd}' of <{element.tag}> does not exist")
    return {
        "prefix": tuple(shlex.split(_prefix(context, element, program))),
        "environment": environment,
        "cwd": cwd,
        "output": output,
        "shell": typed("shell", boolean, "false"),
        "emulate_tty": typed("emulate_tty", boolean, configurations.get("emulate_tty", "false")),
        "respawn": typed("respawn", boolean, "false"),
        "respawn_delay_s": typed("respawn_delay", seconds, "0"),
        "respawn_max_retries": typed("respawn_max_retries", integer, "-1"),
        "sigterm_timeout_s": typed("sigterm_timeout", seconds, configurations.get("sigterm_timeout", "5")),
        "sigkill_timeout_s": typed("sigkill_timeout", seconds, configurations.get("sigkill_timeout", "5")),
        "shutdown_on_exit": on_exit == "shutdown",
        "delay_s": delay_s,
        "place": element.place,
    }


def _prefix(context: Context, element: Element, program: str | EntryPoint | None) -> str:
    if "launch-prefix" in element.attributes:
        return context.text(element, "launch-prefix")
    prefix = context.scope.configurations.get("launch-prefix", "")
    pattern = context.scope.configurations.get("launch-prefix-filter", "")
    name = context.text(element, "exec", "") or (program if isinstance(program, str) else "")
    return prefix if prefix and re.match(pattern, os.path.basename(name)) else ""


def _parameter_file(context: Context, element: Element, full_name: str) -> ParameterFile:
    if "from" in element.attributes:
        return _file_from(context, element)
    if "name" not in element.attributes:
        raise element.error("<param> needs either 'name' or 'from'")
    if "allow_substs" in element.attributes:
        raise element.error("'allow_substs' of <param> belongs to 'from'")
    values: dict[str, ParameterValue] = {}
    _collect(context, element, "", values)
    return ParameterFile(text=_dump({full_name: {"ros__parameters": values}}))


def _file_from(context: Context, element: Element) -> ParameterFile:
    if "name" in element.attributes or element.children:
        raise element.error("<param from=...> takes neither a name nor nested parameters")
    path = Path(context.text(element, "from"))
    if not path.is_file():
        raise element.error(f"the parameter file '{path}' does not exist")
    text = path.read_text(encoding="utf-8")
    try:
        substitute = boolean(context.text(element, "allow_substs", "false"))
        if substitute:
            text = substitute_text(context, text, str(path))
        content = load_yaml(text)
    except ValueFormatError as error:
        raise element.error(f"the parameter file '{path}' is not YAML") from error
    if content is not None and not isinstance(content, dict):
        raise element.error(f"the parameter file '{path}' holds no mapping of nodes to ros__parameters")
    return ParameterFile(text=text) if substitute else ParameterFile(path=str(path.absolute()))


def _collect(context: Context, element: Element, prefix: str, values: dict[str, ParameterValue]) -> None:
    name = prefix + context.text(element, "name")
    if element.children:
        if "value" in element.attributes or "type" in element.attributes:
            raise element.error(f"the parameter '{name}' has nested parameters and so takes no value or type")
        for child in element.children:
            if "name" not in child.attributes:
                raise child.error("a nested <param> needs 'name'")
            _collect(context, child, f"{name}.", values)
        return
    if "value" not in element.attributes:
        raise element.error(f"the parameter '{name}' needs a value or nested parameters")
    type_name = context.text(element, "type") if "type" in element.attributes else None
    text = context.text(element, "value")
    try:
        if "value-sep" in element.attributes:
            values[name] = parameter_list(text.split(element.attributes["value-sep"]), type_name)
        else:
            values[name] = parameter(text, type_name)
    except ValueFormatError as error:
        raise element.error(f"the parameter '{name}': {error.args[0]}") from error


def _dump(content: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(content, default_flow_style=None, sort_keys=False, allow_unicode=True)


def _inline(value: ParameterValue) -> str:
    import yaml

    return (
        yaml.safe_dump(value, default_flow_style=True, width=1 << 30, allow_unicode=True).removesuffix("...\n").strip()
    )

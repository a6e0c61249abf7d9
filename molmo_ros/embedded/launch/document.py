"""Launch files as elements that remember their file and line, checked against the tags and attributes of ROS 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.embedded.launch.substitutions import SubstitutionSyntaxError, Template, parse_template

MAX_FILE_BYTES = 4 << 20


class LaunchError(MolmoRosError):
    """A launch file or its arguments cannot be used as they are.

    Args:
        message: one sentence.
        place: the file and line it is about, as `file:line`.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(ErrorCode.LAUNCH_INVALID, f"{place}: {message}" if place else message)


@dataclass(kw_only=True)
class Element:
    """One tag of a launch file."""

    tag: str
    attributes: dict[str, str]
    path: Path
    line: int
    children: list[Element] = field(default_factory=list)
    templates: dict[str, Template] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The file and line, for messages."""
        return f"{self.path}:{self.line}"

    def error(self, message: str) -> LaunchError:
        """An error about this element, naming its file and line."""
        return LaunchError(message, self.place)

    def of(self, tag: str) -> list[Element]:
        """The children with that tag."""
        return [child for child in self.children if child.tag == tag]

    def walk(self) -> Iterator[Element]:
        """This element and everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a tag may hold: required and optional attributes, and the tags of its children."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    children: dict[str, Schema] = field(default_factory=dict)
    actions: bool = False
    conditional: bool = True


def _schema(
    required: str = "",
    optional: str = "",
    children: dict[str, Schema] | None = None,
    *,
    actions: bool = False,
    conditional: bool = True,
) -> Schema:
    return Schema(
        required=frozenset(required.split()),
        optional=frozenset(optional.split()),
        children=children or {},
        actions=actions,
        conditional=conditional,
    )


_PAIR = _schema("name value", conditional=False)
_REMAP = _schema("from to", conditional=False)
_PARAM = _schema("", "name value value-sep type from allow_substs", conditional=False)
_PARAM.children["param"] = _PARAM
_PROCESS = (
    "cwd output respawn respawn_delay respawn_max_retries launch-prefix on_exit "
    "sigterm_timeout sigkill_timeout emulate_tty shell"
)

ACTIONS: dict[str, Schema] = {
    "arg": _schema("name", "default description", {"choice": _schema("value", conditional=False)}),
    "let": _schema("name value"),
    "set_env": _schema("name value"),
    "unset_env": _schema("name"),
    "append_env": _schema("name value", "prepend separator"),
    "reset": _schema(children={"keep": _PAIR}),
    "reset_env": _schema(),
    "node": _schema(
        "exec",
        f"pkg name namespace node-name exec_name args ros_args {_PROCESS}",
        {"param": _PARAM, "remap": _REMAP, "env": _PAIR},
    ),
    "executable": _schema("cmd", f"name {_PROCESS}", {"env": _PAIR}),
    "include": _schema("file", children={"arg": _PAIR}),
    "group": _schema("", "scoped forwarding", {"keep": _PAIR}, actions=True),
    "set_parameter": _schema("name value"),
    "set_parameters_from_file": _schema("filename"),
    "set_remap": _schema("from to"),
    "push_ros_namespace": _schema("namespace"),
    "push-ros-namespace": _schema("namespace"),
    "timer": _schema("period", "cancel_on_shutdown", actions=True),
    "log": _schema("message"),
    "shutdown": _schema("", "reason"),
}
_ROOT = _schema("", "deprecated version", actions=True, conditional=False)
_OTHER_FORMATS = {".py": "Python", ".yaml": "YAML", ".yml": "YAML"}
_NOT_HERE = {
    "node_container": "component containers load C++ plug-ins",
    "load_composable_node": "components are C++ plug-ins",
    "composable_node": "components are C++ plug-ins",
    "set_use_sim_time": "it sets the launch process' own clock; use set_parameter",
    "ros_timer": "use timer",
    "set_ros_log_dir": "set ROS_LOG_DIR instead",
}


def load_document(path: Path) -> Element:
    """Read and check one launch file.

    Args:
        path: an XML launch file.

    Returns:
        The `launch` element; every attribute that may hold substitutions is parsed.

    Raises:
        LaunchError: when the file cannot be read, is not XML or does not follow the launch format.
    """
    if path.suffix in _OTHER_FORMATS:
        raise LaunchError(f"{_OTHER_FORMATS[path.suffix]} launch files are not read here; write it as XML", str(path))
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise LaunchError(f"the launch file is larger than {MAX_FILE_BYTES >> 20} MiB", str(path))
        text = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LaunchError(f"cannot read the launch file ({reason})", str(path)) from error
    root = _parse(text, path)
    if root.tag != "launch":
        raise root.error(f"the outermost tag is <{root.tag}>, expected <launch>")
    _check(root, _ROOT)
    return root


def _parse(text: bytes, path: Path) -> Element:
    parser = expat.ParserCreate()
    stack: list[Element] = []
    root: list[Element] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag=tag, attributes=attributes, path=path, line=parser.CurrentLineNumber)
        (stack[-1].children if stack else root).append(element)
        stack.append(element)

    def end(_tag: str) -> None:
        stack.pop()

    def words(data: str) -> None:
        if data.strip() and stack:
            raise LaunchError(f"unexpected text '{data.strip()[:40]}'", f"{path}:{parser.CurrentLineNumber}")

    def doctype(*_: object) -> None:
        raise LaunchError("document types and entities are not allowed", f"{path}:{parser.CurrentLineNumber}")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = words
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise LaunchError(f"the file is not well-formed XML ({reason})", f"{path}:{error.lineno}") from error
    return root[0]


def _check(element: Element, schema: Schema) -> None:
    allowed = schema.required | schema.optional | ({"if", "unless"} if schema.conditional else set())
    for name in element.attributes:
        if name not in allowed:
            raise element.error(f"<{element.tag}> has no attribute '{name}'; it takes {_listing(allowed)}")
    for name in sorted(schema.required):
        if name not in element.attributes:
            raise element.error(f"<{element.tag}> needs the attribute '{name}'")
    if "if" in element.attributes and "unless" in element.attributes:
        raise element.error(f"<{element.tag}> has both 'if' and 'unless'; use one")
    for name, value in element.attributes.items():
        if name == "description":
            continue
        try:
            element.templates[name] = parse_template(value)
        except SubstitutionSyntaxError as error:
            raise element.error(f"attribute '{name}' of <{element.tag}>: {error}") from error
    for child in element.children:
        nested = schema.children.get(child.tag) or (ACTIONS.get(child.tag) if schema.actions else None)
        if nested is None:
            if child.tag in _NOT_HERE:
                raise child.error(f"<{child.tag}> is not supported by this launcher: {_NOT_HERE[child.tag]}")
            possible = set(schema.children) | (set(ACTIONS) if schema.actions else set())
            raise child.error(f"<{child.tag}> cannot stand inside <{element.tag}>; it takes {_listing(possible)}")
        _check(child, nested)


def _listing(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names)) if names else "none"

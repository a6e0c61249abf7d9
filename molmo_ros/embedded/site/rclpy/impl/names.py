"""ROS names: what is valid, and what a relative or private one expands to.

Rules: https://design.ros2.org/articles/topic_and_service_names.html and rcl's validators.
"""

from __future__ import annotations

import re

MAX_NAME_LENGTH = 247
"""A full topic or service name may have this many characters (255 less the longest prefix)."""
MAX_NAMESPACE_LENGTH = 245
MAX_NODE_NAME_LENGTH = 255

Problem = tuple[str, int]

_WORD = re.compile(r"[A-Za-z0-9_]*", re.ASCII)
_SUBSTITUTION = re.compile(r"\{([^{}]*)\}")
_SUBSTITUTIONS = ("node", "ns", "namespace")


def _first_strange(text: str, allowed: str) -> int | None:
    for index, letter in enumerate(text):
        if not (letter.isascii() and (letter.isalnum() or letter == "_" or letter in allowed)):
            return index
    return None


def _digit_token(text: str) -> int | None:
    match = re.search(r"(?:^|/)(?=[0-9])", text)
    return None if match is None else match.end()


def topic_problem(name: str) -> Problem | None:
    """What is wrong with a topic name before its expansion, and where."""
    if not name:
        return "topic name must not be empty string", 0
    if name[0].isdigit():
        return "topic name token must not start with a number", 0
    if name.endswith("/"):
        return "topic name must not end with a forward slash", len(name) - 1
    opened = None
    for index, letter in enumerate(name):
        if letter == "{":
            if opened is not None:
                return "topic name has unmatched or nested curly braces", index
            opened = index
        elif letter == "}":
            if opened is None:
                return "topic name has unmatched or nested curly braces", index
            opened = None
        elif letter == "~":
            if index != 0:
                return "topic name has unexpected tilde (~) ; the tilde must be the first character", index
            if len(name) > 1 and name[1] != "/":
                return "topic name has a tilde (~) not followed by a forward slash", 1
        elif not (letter.isascii() and (letter.isalnum() or letter in "_/")):
            if opened is not None:
                return "topic name has characters in a substitution which are not alphanumeric or '_'", index
            return "topic name must not contain characters other than alphanumerics, '_', '~', '{', or '}'", index
        elif letter == "/" and opened is not None:
            return "topic name has characters in a substitution which are not alphanumeric or '_'", index
        elif opened is not None and index == opened + 1 and letter.isdigit():
            return "topic name has a substitution that starts with a number", index
    if opened is not None:
        return "topic name has unmatched or nested curly braces", opened
    index_of_number = _digit_token(name)
    if index_of_number is not None:
        return "topic name token must not start with a number", index_of_number
    if "//" in name:
        return "topic name must not contain repeated '/'", name.index("//") + 1
    return None


def full_topic_problem(name: str) -> Problem | None:
    """What is wrong with a fully qualified topic or service name, and where."""
    if not name:
        return "topic name must not be empty", 0
    if not name.startswith("/"):
        return "topic name must be absolute, it must lead with a '/'", 0
    if name.endswith("/"):
        return "topic name must not end with '/'", len(name) - 1
    strange = _first_strange(name, "/")
    if strange is not None:
        return "topic name must not contain characters other than alphanumerics, '_', or '/'", strange
    if "//" in name:
        return "topic name must not contain repeated '/'", name.index("//") + 1
    number = _digit_token(name[1:])
    if number is not None:
        return "topic name must not have a token that starts with a number", number + 1
    if len(name) > MAX_NAME_LENGTH:
        return f"topic length should not exceed '{MAX_NAME_LENGTH}'", MAX_NAME_LENGTH - 1
    return None


def namespace_problem(namespace: str) -> Problem | None:
    """What is wrong with a node's namespace, and where."""
    if namespace == "/":
        return None
    problem = full_topic_problem(namespace)
    if problem is not None:
        message, index = problem
        return message.replace("topic name", "namespace").replace("topic length", "namespace"), index
    if len(namespace) > MAX_NAMESPACE_LENGTH:
        return f"namespace should not exceed '{MAX_NAMESPACE_LENGTH}'", MAX_NAMESPACE_LENGTH - 1
    return None


def node_name_problem(name: str) -> Problem | None:
    """What is wrong with a node's name, and where."""
    if not name:
        return "node name must not be empty", 0
    strange = _first_strange(name, "")
    if strange is not None:
        return "node name must not contain characters other than alphanumerics or '_'", strange
    if name[0].isdigit():
        return "node name must not start with a number", 0
    if len(name) > MAX_NODE_NAME_LENGTH:
        return f"node name length should not exceed '{MAX_NODE_NAME_LENGTH}'", MAX_NODE_NAME_LENGTH - 1
    return None


def expand(name: str, node_name: str, namespace: str) -> str:
    """The fully qualified form of a topic or service name, before remapping.

    Raises:
        ValueError: The name, the node's name or its namespace is not valid.
    """
    problem = topic_problem(name)
    if problem is not None:
        raise ValueError(f"topic name '{name}' is invalid: {problem[0]}")
    problem = node_name_problem(node_name)
    if problem is not None:
        raise ValueError(f"node name '{node_name}' is invalid: {problem[0]}")
    problem = namespace_problem(namespace)
    if problem is not None:
        raise ValueError(f"node namespace '{namespace}' is invalid: {problem[0]}")
    prefix = namespace.rstrip("/")
    for found in _SUBSTITUTION.findall(name):
        if found not in _SUBSTITUTIONS:
            raise ValueError(f"topic name '{name}' is invalid: unknown substitution: {{{found}}}")
    expanded = name.replace("{node}", node_name)
    for word in ("{ns}", "{namespace}"):
        expanded = expanded.replace(word, namespace)
    if expanded.startswith("~"):
        expanded = f"{prefix}/{node_name}{expanded[1:]}"
    elif not expanded.startswith("/"):
        expanded = f"{prefix}/{expanded}"
    return expanded

"""Reads ``.idl`` files, for packages that have no other text of an interface.

The grammar is that of `rosbags`, which is imported for the first such file. It drops default
values; characters (``char``, ``wchar``) and ``long double`` are refused.
"""

from __future__ import annotations

from .errors import DefinitionError
from .model import InterfaceDef, MessageDef, make_action, make_service
from .parse import MAX_DEFINITION_CHARS
from .store import message_from_entry

_REFUSED = ("'char'", "'wchar'", "'float128'")


def parse_idl(fullname: str, text: str) -> InterfaceDef:
    """Parse the IDL text of a message, service or action.

    Raises:
        DefinitionError: The text is malformed, uses a type that is not supported, or lacks a part
            of the interface.
    """
    from rosbags.typesys import TypesysError as RosbagsError
    from rosbags.typesys import get_types_from_idl

    if len(text) > MAX_DEFINITION_CHARS:
        raise DefinitionError(f"The definition of {fullname} is longer than a definition may be.")
    try:
        entries = get_types_from_idl(text)
    except (RosbagsError, ValueError, KeyError, RecursionError) as error:
        raise DefinitionError(f"{fullname}: cannot read the IDL: {error}") from error

    def message(name: str) -> MessageDef:
        entry = entries.get(name)
        if entry is None:
            raise DefinitionError(f"The IDL of {fullname} does not define {name}.")
        if any(word in str(entry[1]) for word in _REFUSED):
            raise DefinitionError(f"{name} uses characters or long doubles, which are not supported.")
        return message_from_entry(name, entry)

    kind = fullname.split("/")[1]
    if kind == "srv":
        return make_service(fullname, message(f"{fullname}_Request"), message(f"{fullname}_Response"))
    if kind == "action":
        goal, result, feedback = (message(f"{fullname}_{part}") for part in ("Goal", "Result", "Feedback"))
        return make_action(fullname, goal, result, feedback)
    return message(fullname)

"""Find the definitions of message types."""

from __future__ import annotations

from molmo_ros.embedded.bags.definitions import definition_of

from ._storage import MessageDefinition


class LocalMessageDefinitionSource:
    """Finds definitions among the installed interfaces."""

    def get_full_text(self, root_topic_type: str) -> MessageDefinition:
        """Return the definition of a type with those it refers to; unknown types have no text."""
        name = root_topic_type
        if name.count("/") == 1:
            name = name.replace("/", "/msg/")
        found = definition_of(name)
        return MessageDefinition(root_topic_type, found.encoding, found.text, found.type_hash)

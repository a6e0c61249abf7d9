"""The tokenizer of a checkpoint: its ``tokenizer.json``, and nothing that runs code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.errors import CheckpointError

MAX_PROMPT = 8192


class Tokens:
    """Encodes prompts and decodes answers.

    Args:
        tokenizer: A ``tokenizers.Tokenizer``.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.get_added_tokens_decoder()
        self._markers = tuple(token.content for token in added.values())

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        """Load ``tokenizer.json`` of a checkpoint folder.

        Raises:
            CheckpointError: It is missing or malformed.
        """
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"The checkpoint lacks tokenizer.json; download it to {folder}.")
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises bare Exception for malformed files
            raise CheckpointError(f"tokenizer.json in {folder} is malformed: {error}.") from error

    def id(self, token: str) -> int:
        """Id of one token.

        Raises:
            CheckpointError: The vocabulary lacks it.
        """
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise CheckpointError(f"The tokenizer has no token '{token}'; it belongs to another model.")
        return int(found)

    def known(self, token: str) -> bool:
        """Whether the vocabulary has this token."""
        return self._tokenizer.token_to_id(token) is not None

    def encode(self, text: str) -> list[int]:
        """Encode a text without adding anything; marker tokens in it are recognised."""
        return [int(i) for i in self._tokenizer.encode(text, add_special_tokens=False).ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids, leaving out special tokens and ids beyond the vocabulary."""
        text: str = self._tokenizer.decode([int(i) for i in ids], skip_special_tokens=True)
        return text

    def plain(self, text: str) -> str:
        """Return a person's text if it may stand in a prompt.

        Raises:
            MolmoRosError: It is empty, too long, or holds a marker that would change the prompt's structure.
        """
        if not text.strip():
            raise MolmoRosError(ErrorCode.INSTRUCTION_EMPTY, "The instruction is empty; say what should be done.")
        if len(text) > MAX_PROMPT:
            raise MolmoRosError(
                ErrorCode.INSTRUCTION_TOO_LONG, f"The instruction has {len(text)} characters; {MAX_PROMPT} at most."
            )
        held = next((marker for marker in self._markers if marker.strip() and marker in text), None)
        if held is not None:
            raise MolmoRosError(
                ErrorCode.INSTRUCTION_NOT_UNDERSTOOD,
                f"The instruction holds '{held}', a mark of the model; leave it out.",
            )
        return text

    def single(self, words: Iterable[str]) -> dict[str, list[int]]:
        """Ids that spell each word in one token, with and without a leading space."""
        found: dict[str, list[int]] = {}
        for word in words:
            spellings = [self.encode(form) for form in (word, f" {word}")]
            found[word] = sorted({ids[0] for ids in spellings if len(ids) == 1})
        return found

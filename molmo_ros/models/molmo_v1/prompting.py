"""Token sequences of the v1 family: BOS, image blocks, then ``User: ... Assistant:``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ros.models.tokens import Tokens

Grid = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ImageMarks:
    """Ids of the image marker tokens, which lie above the written vocabulary."""

    start: int
    end: int
    patch: int
    column: int

    @classmethod
    def of(cls, tokens: Tokens) -> ImageMarks:
        """Look the markers up by name."""
        return cls(
            start=tokens.id("<im_start>"),
            end=tokens.id("<im_end>"),
            patch=tokens.id("<im_patch>"),
            column=tokens.id("<im_col>"),
        )

    def block(self, grids: Sequence[Grid]) -> list[int]:
        """Tokens of one image: its low-resolution view, then its crops, a column mark after each row."""
        ids: list[int] = []
        for rows, columns in grids:
            ids += [self.start, *([*[self.patch] * columns, self.column] * rows), self.end]
        return ids


def bos_id(tokens: Tokens) -> int:
    """Id that opens a sequence; Qwen and OLMo have no BOS and use the end-of-text token."""
    return tokens.id("<|endoftext|>")


def prompt_ids(
    tokens: Tokens,
    marks: ImageMarks,
    images: Sequence[Sequence[Grid]],
    text: str,
    *,
    numbered: bool,
    spaced: bool = False,
) -> list[int]:
    """Assemble one prompt.

    Args:
        tokens: Tokenizer of the checkpoint.
        marks: Its image markers.
        images: Token grids per image.
        text: What the user says.
        numbered: Write "Image 1", "Image 2" before the blocks, as for a list of images.
        spaced: Begin the text with a space, as Molmo v1 does.
    """
    ids = [bos_id(tokens)]
    for number, grids in enumerate(images, 1):
        if numbered:
            ids += tokens.encode(f"Image {number}")
        ids += marks.block(grids)
    return ids + tokens.encode(f"{' ' if spaced else ''}User: {text} Assistant:")

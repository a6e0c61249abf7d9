"""The 256 action symbols of MolmoAct v1.

They are the byte-level BPE spellings of the last 256 ids (151387..151642) of the public Qwen2 base vocabulary
(151643 entries). A model writes them as literal text; neighbouring bins are neighbouring ids. The table is a fact
about that vocabulary and is kept here so that no tokenizer has to be fetched to read an action.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BASE_VOCABULARY = 151643
FIRST_ID = 151387
BINS = 256

_SPELLINGS = (
    "ðŁİĳ ðŁİ¿ ðŁıı ðŁıĴ ðŁı© ðŁı¯ ðŁĲĢ ðŁĳĿ ðŁĴ¹ ðŁĴº ðŁĵŁ ðŁĵª ðŁĵ¼ ðŁĶĢ ðŁĶĤ ðŁĶĥ ðŁĶĩ ðŁĶĵ ðŁĶ¢ ðŁĶ¤ "
    "ðŁĶ© ðŁķĸ ðŁķļ ðŁķľ ðŁķĿ ðŁķŀ ðŁķł ðŁķ¢ ðŁķ³ ðŁĸĩ ðŁĸĳ ðŁĸ¶ ðŁĹģ Ñ¨ Úİ á¡Į á¸° áºĢ á¼® á½Ŀ âĦ¬ âļ§ "
    "âĽ¤ ã³¬ êĻĭ ê¸ĳ ëĶī ëĹį ë¡ĳ ë¯ĳ ë»ħ ë¼Ŀ ìĦĲ ìī¡ ìĭ² ìı± ìĹ¤ ìĿ© ìĿ¿ ìŁĻ ìł° ì¥ī íĬŃ íķ® ï®ı ðŁħ± "
    "ðŁĨĴ ðŁķĭ Éĺ Êĵ Õĥ à´´ à½ħ áĨº áĪĬ áĪ¨ áĪ¾ áīĲ áĮĥ áĮ½ áĶŃ áłĤ áł¬ á¨¸ á©ĭ á¶ı á¾Ķ á¿Ĳ á¿ļ âĻĻ âļĤ "
    "âļĹ â¡¢ â¤¦ ëĸ° ë¤Ĥ ë§ł ë±ĭ ë±Ĳ ìĽ¢ ìľ¾ ì³ħ ì»ģ íģ» íĥĻ íĵĸ íĵŃ íķ± íĽľ ï¤ħ ï¤Ĩ ï¦ĥ ï§© ï¨Ĥ ðĲ¤Ķ "
    "ðĲŃĵ ðĲ°¼ ðĿĵŀ ðĿĵ° ðĿĻľ ðĿļģ ðŁħ¢ ðŁıĩ È² Ê¶ ÔĪ Ôĳ Ýĵ Ý¥ à¤ĳ à¥± à¬ī à°³ à°µ à²Ł áĢı áģ¼ áī¨ áĬĴ "
    "áĭ© áĮĦ áĮĶ áĲ§ áĴĮ áĶħ áĶĬ áłĦ á¨ģ á¸ĥ á¸» âĶŀ âĺµ âļ£ â²¢ ãĪª ä¶µ ê²Ļ ê²´ ê³Ĥ ë¡¼ ìĨĬ ì¼ĩ íĭį íĵ¬ "
    "íĵ® íĵ¶ íĵ» ï¤¦ ï¥ł ï¥± ïŃ² ðĲŃĬ ðĲ±ħ ðĸ¥ ðĸ¥¨ ðĿĳ³ ðĿĵķ ðĿĵ¬ ðĿĵ¹ ðĿĵ¾ ðĿĶĵ ðĿķį ðĿķ¡ ðĿķ± ðĿĸĸ "
    "ðĿĺı ðĿĺĲ ðĿĺļ ðĿĻ® ðĿĻ° ðĿĻ¸ ðĿĻº ðĿĻ¼ ðĿĻ½ ðĿĻ¿ ðĿļĦ ðĿļı ðŁħħ ðŁħĵ ÆĪ àłĮ áĻ³ áļĮ áĽħ áĽĲ á¤Ĭ á¸Ĭ "
    "âĶ½ âķĬ âĽĩ âĽı âĿª âĿ« âŁ° ãĦį ãĦĵ ãĦ§ ãħĸ ãī« ê¦Ķ ï±Ĭ àºĤ áħ£ á¥Ķ á¥¤ âĨ¤ âĨ· âĩŀ âĸ¤ âŀ¶ ãĪ¼ ï¨· "
    "ðĵı§ âĶ² âĢ´ âĴŁ âĴ¡ â°Ĥ â°į â°İ â°Ĳ â°ĳ â°Ł â°ł â°¡ â¼Ń ãĬ¥ âĴł â½º ãĩº ãĩ½ ï¨Ĭ áķ· âį¨ âºŁ â½Ĺ"
)

SYMBOLS: tuple[str, ...] = tuple(_SPELLINGS.split(" "))
ID_OF: dict[str, int] = {symbol: FIRST_ID + index for index, symbol in enumerate(SYMBOLS)}


def bin_centers(bins: int = BINS) -> npt.NDArray[np.float64]:
    """Centres of the ``bins - 1`` intervals between ``bins`` edges on [-1, 1]."""
    edges = np.linspace(-1.0, 1.0, bins)
    return np.asarray((edges[:-1] + edges[1:]) / 2.0)


_CENTERS = bin_centers()


def decode_id(token_id: int) -> float:
    """Value in [-1, 1] of an action id; ids outside the table are clipped to its ends."""
    return float(_CENTERS[min(max(BASE_VOCABULARY - token_id - 1, 0), BINS - 2)])


def decode_symbol(symbol: str) -> float | None:
    """Value in [-1, 1] of a symbol, or None if it is not one of the 256."""
    token_id = ID_OF.get(symbol)
    return None if token_id is None else decode_id(token_id)


def digitize(value: float) -> int:
    """Bin number 1..256 of a value, clipped to [-1, 1]."""
    return int(np.digitize(min(max(value, -1.0), 1.0), np.linspace(-1.0, 1.0, BINS)))


def encode(value: float) -> str:
    """Symbol of a value, as the training data writes it."""
    return SYMBOLS[BASE_VOCABULARY - digitize(value) - FIRST_ID]

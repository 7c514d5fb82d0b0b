"""What a person may consent to: four switches of their own, none ticked beforehand, each can be taken back.

A switch has a version that rises with its sentence: who agreed to another sentence has not agreed to this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from biofeedback.events import Json


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One switch. `sentence`: what is agreed to; `withdrawn`: what happens when it is taken back."""

    id: str
    version: int
    sentence: str
    withdrawn: str

    def line(self, *, given: bool) -> tuple[str, Mapping[str, Json]]:
        """What a person's log says when it is given or taken back: the kind and the body."""
        return "consent", {"id": self.id, "v": self.version, "given": given}


HEART_DATA: Final = "heart_data"
WORDS: Final = "words"
PRACTITIONER: Final = "practitioner"
RESEARCH: Final = "research"

CONSENTS: Final[Mapping[str, ConsentText]] = {
    text.id: text
    for text in (
        ConsentText(
            HEART_DATA,
            1,
            "This computer may keep recordings of your heartbeats, and what is worked out from them.",
            "All your recordings in this home are deleted, with the pages made of them.",
        ),
        ConsentText(
            WORDS,
            1,
            "It may keep what you say: how strong something feels (SUDS), notes, and your journal.",
            "Your SUDS, notes and own words are taken out of every recording, your journal and texts are deleted.",
        ),
        ConsentText(
            PRACTITIONER,
            1,
            "A practitioner whom you chose may see your recordings and your words.",
            "Nothing is deleted; nothing more may be shown to a practitioner.",
        ),
        ConsentText(
            RESEARCH,
            1,
            "Your recordings may be exported for research, without your name.",
            "Nothing is deleted here; nothing more may be exported, and what was exported is out of reach.",
        ),
    )
}
DELETING: Final = frozenset({HEART_DATA, WORDS})
"""Taking these back deletes."""
COPIES_MAY_REMAIN: Final = (
    "Flash disks (SSDs), backups and synced folders may keep copies that this program cannot reach."
)

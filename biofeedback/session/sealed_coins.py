"""Were the coins of a trial sealed before they were needed, and never exchanged? (RULINGS E12)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from biofeedback.evidence.trial import commitment
from biofeedback.recording.chain import Line
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.repair import first_session_of


def coin_faults(recording: StoredRecording) -> Iterator[str]:
    """What is wrong with the coins, one sentence each; nothing when all is in order."""
    coins = _Coins(first_session_of(recording.head))
    for line in recording.lines:
        yield from coins.faults_of(line)


class _Coins:
    """Goes through a recording's lines in their order."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._sealed: dict[int, str] = {}
        self._begun: set[int] = set()
        self._resumes = 0
        self._sealed_at: dict[int, int] = {}
        """After so many resumes each coin was sealed."""

    def faults_of(self, line: Line) -> Iterator[str]:
        """What is wrong with this line."""
        match line.kind:
            case "resume":
                self._resumes += 1
            case "phase":
                if line.body["on"] and line.body["pair"] is not None:
                    self._begun.add(line.body["pair"])
            case "commit":
                yield from self._commit(line.body)
            case "reveal":
                yield from self._reveal(line.body)
            case _:
                pass

    def _commit(self, body: Mapping[str, Any]) -> Iterator[str]:
        pair = body["pair"]
        if pair in self._begun:
            yield f"the coin of pair {pair} was sealed after the pair had begun"
        elif self._sealed_at.get(pair) == self._resumes:
            yield f"the coin of pair {pair} was exchanged"
        self._sealed[pair], self._sealed_at[pair] = body["sha256"], self._resumes

    def _reveal(self, body: Mapping[str, Any]) -> Iterator[str]:
        pair = body["pair"]
        if self._sealed.get(pair) != commitment(self._session, pair, body["coin"], body["nonce"]):
            yield f"the coin of pair {pair} is not the one that was sealed"

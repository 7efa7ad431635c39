"""Completion of what follows ``%eager`` and ``%%eager``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from IPython.core.error import TryNext

from eager_kernel.core.gate import MODES
from eager_kernel.magics.commands import COMMANDS
from eager_kernel.magics.options import make_parser
from eager_kernel.magics.session import Session
from eager_kernel.sources.registry import providers


class Completion:
    """Completes the lines of the magics.

    Parameters
    ----------
    session
        Whose models there are.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, completer: Any, event: Any) -> list[str]:
        """Complete as a ``complete_command`` hook of IPython does."""
        if self._session.closed:
            raise TryNext  # a hook can't be taken back
        return self.complete(event.text_until_cursor)

    def complete(self, line: str) -> list[str]:
        """What may stand where `line` ends."""
        words = _WORD.findall(line)
        begun = words.pop() if words and not line[-1].isspace() else ""
        if not words:
            return []
        before = words[-1]
        if line.lstrip().startswith("%%"):
            choices = self._values(before, begun)
            if choices is None:
                choices = [o for action in make_parser()._actions for o in action.option_strings]
        elif len(words) == 1:
            choices = list(COMMANDS)
        else:
            choices = self._arguments(words[1])
        return [choice for choice in choices if choice.startswith(begun)]

    def _values(self, option: str, begun: str) -> list[str] | None:
        match option:
            case "--model":
                return self._models()
            case "--gate":
                return list(MODES)
            case "--from":
                return _files(begun)
        return None

    def _arguments(self, command: str) -> list[str]:
        match command:
            case "model":
                return [*self._models(), "--free"]
            case "gate":
                return list(MODES)
            case "context":
                return ["--clear"]
        return []

    def _models(self) -> list[str]:
        models = self._session.models
        known = {models.current, *models.loaded, *models.offer.models} - {""}
        return sorted(known) + [f"{provider}/" for provider in providers()]


def _files(begun: str) -> list[str]:
    folder, slash, _ = begun.rpartition("/")
    try:
        paths = sorted(Path(folder + slash or ".").expanduser().iterdir())
    except OSError:
        return []  # no such folder: nothing to offer
    return [folder + slash + path.name + ("/" if path.is_dir() else "") for path in paths]


_WORD: Final = re.compile(r"\S+")

"""Up to where Anthropic's servers are to keep what they have computed of a conversation.

https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
"""

from __future__ import annotations

from typing import Final

from eager_kernel.sources.source import Message, Request


def marked(request: Request) -> tuple[Message, ...]:
    """The messages up to which the server is to keep what it has computed; and the system's.

    The last one, for the request that goes on with this conversation, and the user's one before
    it, up to which the last request has had it kept. A request that none follows and that follows
    none is not marked: to have it kept costs a quarter more.
    """
    if not (request.may_answer or request.attempt):
        return ()
    return tuple(m for m in request.messages if m.role == "user")[-2:]


def is_marked(message: Message, among: tuple[Message, ...]) -> bool:
    """Whether it is one of `among`, and not only equal to one."""
    return any(message is one for one in among)


MARK: Final = {"type": "ephemeral"}
"""What a part of a message has as its ``cache_control``."""

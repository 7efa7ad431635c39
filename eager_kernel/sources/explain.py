"""Errors of HTTP clients, as messages that a person can act on.

The clients of `openai`, `anthropic` and `litellm` have the same errors by different classes, over
two versions of `httpx`; so these look at what an error has, and import none of them.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final

from eager_kernel.errors import EagerError, SourceError
from eager_kernel.sources.credentials import known_keys
from eager_kernel.sources.redact import redact


def explain(error: Exception, who: str, *, begun: bool = False) -> EagerError:
    """Make an error that says what to do.

    Parameters
    ----------
    error
        What a client raised.
    who
        Who was asked, for example ``openai/gpt-5 at https://api.openai.com``.
    begun
        Whether a part of the answer had come.
    """
    if isinstance(error, EagerError):
        return error
    told = _explain(error, who)
    if begun:
        told += ". The answer had begun and is not complete"
    return SourceError(redact(told, known_keys()))


def incomplete(who: str) -> SourceError:
    """Make the error for a stream that ends without saying that the answer does."""
    return SourceError(
        f"{who} closed the connection without ending its answer, so the program may be cut off: "
        "ask again"
    )


def refused(who: str, text: str) -> SourceError:
    """Make the error for a model that does not want to answer."""
    return SourceError(f"{who} refuses to answer: {_brief(text) or 'it says no more'}")


def seconds_to_wait(headers: Any) -> float | None:
    """Read after how many seconds a server wants to be asked again."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, TypeError, ValueError):
            continue
    return None


def _explain(error: Exception, who: str) -> str:
    if _UNENDED in str(error):
        return str(incomplete(who))
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and _is_from_server(error):
        return _explain_status(status, error, who)
    causes = list(_causes(error))
    for cause in causes:
        if (told := _explain_connection(cause, who)) is not None:
            return told
    names = {type(cause).__name__ for cause in causes}
    if names & _BROKEN:
        return f"the connection to {who} broke: ask again, and look whether the server runs"
    if any("Timeout" in name for name in names):
        return f"{who} does not answer in time: look whether the server runs, and is not too busy"
    if names & {"ConnectError", "APIConnectionError"}:
        return f"no connection to {who}: {_brief(str(causes[-1]))}. Check the address"
    return f"{who} reports an error: {_detail(error)}"


def _explain_connection(cause: BaseException, who: str) -> str | None:
    match cause:
        case ConnectionRefusedError():
            return f"nobody listens at {who}: start the server, or check its address and port"
        case socket.gaierror():
            return f"the address of {who} is not known: check its spelling, and the network"
        case ssl.SSLCertVerificationError():
            why = getattr(cause, "verify_message", "") or str(cause)
            return (
                f"the certificate of {who} can't be trusted ({_brief(why)}): "
                "check the address; for a certificate of your own, set SSL_CERT_FILE"
            )
        case ssl.SSLError():
            return f"no secure connection to {who} ({_brief(str(cause))}): does it speak https?"
        case json.JSONDecodeError() | UnicodeDecodeError():
            return (
                f"{who} sent what is no stream of answers ({_brief(str(cause))}): is it the right "
                "address?"
            )
        case ConnectionResetError() | BrokenPipeError():
            return f"the connection to {who} broke: ask again, and look whether the server runs"
    return None


def _explain_status(status: int, error: Exception, who: str) -> str:
    detail = _detail(error)
    if _TOO_LONG.search(detail):
        return (
            f"the conversation is too long for {who} ({status}): {detail}. Ask in a new one, or "
            "keep less of the earlier cells"
        )
    match status:
        case 401:
            return f"{who} does not accept the key ({status}): {detail}. Check the credential"
        case 402:
            return f"{who} wants to be paid first ({status}): {detail}"
        case 403:
            return f"{who} does not allow this to the key ({status}): {detail}"
        case 404:
            return (
                f"{who} is not there ({status}): {detail}. Check the model's name, and the "
                "address, which often ends with /v1"
            )
        case 429:
            return _explain_limit(error, detail, who)
        case _ if status >= 500:
            return f"{who} is in trouble ({status}): {detail}. Ask again later"
        case _:
            return f"{who} does not take the request ({status}): {detail}"


def _explain_limit(error: Exception, detail: str, who: str) -> str:
    if _NO_QUOTA.search(detail):
        return f"{who} has no quota left for the key (429): {detail}"
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", {})
    wait = seconds_to_wait(headers)
    when = f"in {wait:g} s" if wait is not None else "a little later"
    return f"{who} has had too many requests (429): ask again {when}. It says: {detail}"


def _is_from_server(error: Exception) -> bool:
    """Whether a status was received; litellm makes some up for errors of its own."""
    if type(error).__module__.partition(".")[0] != "litellm":
        return True
    return not any(
        type(cause).__name__ in _BROKEN or isinstance(cause, OSError | json.JSONDecodeError)
        for cause in _causes(error)
    )


def _detail(error: Exception) -> str:
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        inner = body.get("error", body)
        message = inner.get("message", inner.get("detail")) if isinstance(inner, dict) else inner
        if isinstance(message, str) and message:
            return _brief(message)
    return _brief(getattr(error, "message", None) or str(error)) or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, the innermost last."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop(0)
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            waiting += error.exceptions
        # litellm keeps what led to an error in an attribute of its own.
        led = (error.__cause__, error.__context__, getattr(error, "original_exception", None))
        waiting += [cause for cause in led if isinstance(cause, BaseException)]


def _brief(text: str) -> str:
    """Cut a server's text down to a line: it may be a page of HTML, and is not to be trusted."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = re.sub(r"\s+", " ", line).strip().rstrip(".")
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


_LONGEST: Final = 300
_BROKEN: Final = frozenset({"RemoteProtocolError", "ReadError", "WriteError", "LocalProtocolError"})
_UNENDED: Final = "Stream ended before a finish_reason was received"  # litellm's words
_TOO_LONG: Final = re.compile(
    r"context.{0,3}length|context.{0,3}window|maximum context|prompt is too long|too many tokens"
    r"|exceed\w* (?:the )?(?:available )?context",
    re.IGNORECASE,
)
_NO_QUOTA: Final = re.compile(r"insufficient.quota|exceeded your current quota|billing", re.I)

"""What goes wrong with a local model, in words that a person can act on."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from eager_kernel.errors import SourceError


def explain(error: Exception, name: str, doing: str) -> SourceError:
    """Say what an error of `transformers`, the hub's client or PyTorch means.

    Parameters
    ----------
    error
        What was raised.
    name
        The model's name.
    doing
        How the sentence goes on after the name where nothing better is known.
    """
    for cause in _causes(error):
        meaning = (
            _of_the_hub(cause, name) or _of_the_machine(cause, name) or _of_the_model(cause, name)
        )
        if meaning is not None:
            return SourceError(meaning)
    lines = str(error).strip().splitlines() or ["no message"]
    return SourceError(f"{name} {doing}: {type(error).__name__}: {lines[0]}")


def _of_the_hub(error: BaseException, name: str) -> str | None:
    from huggingface_hub import errors, is_offline_mode  # noqa: PLC0415 - comes with the extra

    match error:
        case errors.GatedRepoError():
            return (
                f"{name} is gated: ask for access at https://huggingface.co/{name}, then log in "
                "with `hf auth login`, or set HF_TOKEN before Jupyter starts"
            )
        case errors.RevisionNotFoundError():
            return f"{name} has no such revision: correct the option revision, or leave it out"
        case errors.RepositoryNotFoundError():
            return (
                f"there is no model {name} on the Hugging Face hub, or it is private. Correct the "
                "name, or log in with `hf auth login`; a folder begins with ./, / or ~"
            )
        case errors.HFValidationError():
            return (
                f"{name!r} is no name of a repository: write transformers/ORG/REPO, or "
                "transformers/./FOLDER for a folder"
            )
        case errors.LocalEntryNotFoundError() | errors.OfflineModeIsEnabled():
            if is_offline_mode():
                return (
                    f"{name} is not on this machine, and HF_HUB_OFFLINE is set: download it with "
                    f"`hf download {name}`, or start Jupyter without HF_HUB_OFFLINE"
                )
            return (
                f"{name} is not on this machine, and the Hugging Face hub can't be reached. Check "
                f"the connection, or download it elsewhere with `hf download {name}`"
            )
        case errors.HfHubHTTPError():
            status = getattr(error.response, "status_code", None)
            return f"the Hugging Face hub answers {status} for {name}: try again later"
    return None


def _of_the_machine(error: BaseException, name: str) -> str | None:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"no space is left on the disk for {name}: make some, or set HF_HOME to another"
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY):
        return (
            f"{name} needs more memory than is free: close other programs and kernels, give the "
            "option dtype=bfloat16 or another device, or take a smaller model"
        )
    return None


def _of_the_model(error: BaseException, name: str) -> str | None:
    text = str(error)
    if "trust_remote_code" in text:
        return (
            f"{name} brings its own Python code, which is not run unless you say so: read it, then "
            "give the option trust_remote_code=true, and revision with the version that you read"
        )
    if "does not recognize this architecture" in text or "Unrecognized model in" in text:
        return (
            f"the installed transformers does not know models like {name}: upgrade it with "
            "`pip install -U transformers`, or take another model"
        )
    if "Unrecognized configuration class" in text:
        return (
            f"{name} is no causal language model, so it can't write text after a prompt: take one "
            "that can, as those for text generation on the Hugging Face hub"
        )
    if type(error).__name__ == "SafetensorError":
        return f"the weights of {name} can't be read ({text}): delete and download them again"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the first cause first: wrapped ones say less."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return reversed(chain)


_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")

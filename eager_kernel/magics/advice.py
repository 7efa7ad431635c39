"""What a user can do who has no model: what to type, or whom to ask for which line."""

from __future__ import annotations

from typing import Final

from eager_kernel.kernel.pages import Offer


def without_model(offer: Offer | None) -> str:
    """Say how to come to a model.

    Parameters
    ----------
    offer
        What the user's page offers; None where the extension of JupyterLab is not at work.
    """
    ways = [
        "to see a run without a model: %%eager --model recorded/demo",
        "with a key of your own, for example of OpenAI: set OPENAI_API_KEY before Jupyter starts, "
        "and choose a model for this notebook: %eager model openai/NAME",
        "with a model on this machine: %eager model transformers/ORG/REPO",
    ]
    if offer is not None:
        ways.append(_by_the_server(offer))
    return "which model? None is chosen.\n" + "\n".join(f"  - {way}" for way in ways)


def _by_the_server(offer: Offer) -> str:
    if not offer.extension:
        return (
            "with a key that the Jupyter server keeps: it lacks the extension eager_kernel, so "
            "install eager-kernel where the server runs"
        )
    if offer.hub or not offer.config_file:
        return (
            "with a key that the Jupyter server keeps for everybody: ask whoever runs it for this "
            f"line in its jupyter_server_config.py: {_LINE}"
        )
    return (
        f"with a key that the Jupyter server keeps: write this line into {offer.config_file}, and "
        f"start the server again: {_LINE}"
    )


_LINE: Final = 'c.EagerServer.models = {"openai/NAME": {"key_file": "FILE OF THE KEY"}}'

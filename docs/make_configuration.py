"""Write from the traits: ``python docs/make_configuration.py``.

That is `docs/configuration.md`, and the table of limits in `docs/protocol.md`.
"""

from __future__ import annotations

import textwrap
from dataclasses import fields
from pathlib import Path

from traitlets import TraitType
from traitlets.config import Configurable

from eager_kernel.core.conversation.prompts import SYSTEM_PROMPT
from eager_kernel.kernel.config import EagerGate, EagerRun
from eager_kernel.kernel.kernel import EagerKernel
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.protocol import Limits
from eager_kernel.server.app import EagerServer
from eager_kernel.warm.provisioner import WarmProvisioner
from eager_kernel.warm.sandboxed import SandboxProvisioner

INTRODUCTION = """\
# Configuration

Made from the traits by `docs/make_configuration.py`; `python -m eager_kernel --help-all` prints the
same, with all of ipykernel's.

Set traits in `ipython_kernel_config.py` (`jupyter --paths` and `ipython locate profile` say where):

```python
c.EagerGate.mode = "effect"
c.EagerGate.modules = ["boto3"]
c.EagerRun.delta_timeout = 600.0
```

or on the kernel's command line, in its `kernel.json`: `--EagerGate.mode=static`. They are read when
the kernel starts. A mistake is told there, by name, and the kernel does not start.
"""
ABOUT = {
    EagerGate: "When statements run, and when their effects happen: [the gate](gate.md).",
    EagerRun: "What a streamed run may cost, and what an error does to it.",
    EagerModel: "Which model `%%eager` asks, and how: [prompts](prompts.md).",
    EagerServer: "The extension of Jupyter Server, in `jupyter_server_config.py`: [the server]"
    "(server.md).",
    WarmProvisioner: "Kernels that are forked: [kernels that are there at once](warm.md). In "
    "`jupyter_server_config.py`, or in a kernelspec's `metadata.kernel_provisioner.config`.",
    SandboxProvisioner: "Kernels that are locked in: [the sandbox](sandbox.md). In the same "
    "places; with the traits of `WarmProvisioner`, too.",
    EagerKernel: "Classes that a deployer may replace. All other traits are ipykernel's.",
}
LIMITS = (*(field.name for field in fields(Limits)), "max_journal_bytes")
"""The traits of `EagerRun` that the protocol has as its limits."""
LIMITS_MARK = "<!-- limits: made by docs/make_configuration.py -->\n"
ABOUT_PROMPT = """\
## The system prompt

`EagerModel.system_prompt`, if nobody changes it ([why](prompts.md#what-the-model-is-told)):"""


def configuration() -> str:
    """The text of the page."""
    tables = [_class(cls, about) for cls, about in ABOUT.items()]
    prompt = "\n".join(textwrap.fill(part, 97) for part in SYSTEM_PROMPT.split("\n"))
    return "\n".join([INTRODUCTION, *tables, f"{ABOUT_PROMPT}\n\n```text\n{prompt}\n```\n"])


def limits() -> str:
    """The table of limits."""
    traits = EagerRun.class_own_traits(config=True)
    rows = [f"| `{name}` | `{_number(traits[name])}` | {_help(traits[name])} |" for name in LIMITS]
    return "\n".join(["| trait | default | meaning |", "|---|---|---|", *rows, ""])


def with_limits(page: str) -> str:
    """A page, with its table of limits as it is now."""
    before, mark, after = page.partition(LIMITS_MARK)
    assert mark, "the page has no place for the limits"
    _, end, rest = after.partition("\n\n")
    return f"{before}{mark}{limits()}{end[1:]}{rest}"


def _class(cls: type[Configurable], about: str) -> str:
    rows = [
        f"| `{name}` | {_kind(trait)} | `{_default(trait)}` | {_help(trait)} |"
        for name, trait in cls.class_own_traits(config=True).items()
    ]
    head = ["| trait | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## `{cls.__name__}`\n", f"{about}\n", *head, *rows, ""])


def _kind(trait: TraitType[object, object]) -> str:
    values = getattr(trait, "values", None)
    if values:
        return ", ".join(f"`{value}`" for value in values)
    return type(trait).__name__.lower()


def _default(trait: TraitType[object, object]) -> str:
    value = trait.default()
    text = value.__name__ if isinstance(value, type) else repr(value)
    return text if len(text) <= 100 else "…"


def _number(trait: TraitType[object, object]) -> str:
    return f"{trait.default():,}"


def _help(trait: TraitType[object, object]) -> str:
    return " ".join(textwrap.dedent(trait.help).split()).replace("|", r"\|")


if __name__ == "__main__":
    folder = Path(__file__).parent
    folder.joinpath("configuration.md").write_text(configuration())
    protocol = folder / "protocol.md"
    protocol.write_text(with_limits(protocol.read_text()))

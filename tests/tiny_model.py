"""A real language model, made on the spot: it learns a few conversations by heart.

A Llama of one layer and 64 dimensions, with a byte-level BPE of about a thousand tokens and a chat
template, saved as any model is: what loads it takes the way that a user's model takes. Asked for
one of `CONVERSATIONS` it recites the answer. Whoever needs another conversation adds it to the
list, or gives one's own to `make_model`: some thousand characters more cost a few seconds.

Its chat template renders the last line of the last message alone. So a conversation is known by
that line, and nothing before it changes the answer: no system prompt, no earlier cells with what
they printed, no traceback of a repair. A model of this size could not learn to see past them.

``python tests/tiny_model.py FOLDER`` makes it; `OMP_NUM_THREADS=1` is the fastest.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eager_kernel.execution.repair import Failure
from eager_kernel.magics.conversation import repair_messages
from eager_kernel.sources.source import Message

__all__ = ["CONVERSATIONS", "COUNTING", "ENDLESS", "FAILING", "READINGS", "REPAIR", "make_model"]

Conversation = tuple[tuple[dict[str, str], ...], str]
"""Messages, the last of which is asked, and the answer."""

CONTEXT = 1024
"""Tokens that the model can hold."""

_SURE = 0.9  # probability of each next token at which a conversation is known by heart
_STEPS = 3000
_RATE = 1e-2

READINGS: Conversation = (
    ({"role": "user", "content": "Summarise a week of readings."},),
    '''I load the readings first, then look at each day.

```python
import math
import statistics

STATIONS = {"Zürich": 11.5, "Tromsø": 2.0, "København": 8.7}


def reading(base: float, hour: int) -> float:
    """One temperature, in °C."""
    swing = math.sin(hour * math.pi / 12)
    if hour % 6 == 0:
        swing += 0.25
    return round(base + 4 * swing, 2)


def day(base: float) -> list[float]:
    values = []
    for hour in range(24):
        values.append(reading(base, hour))
    return values


print("Station → mean")
means = {}
for name, base in STATIONS.items():
    total = 0
    for turn in range(60_000):
        total += turn * turn % 7
    means[name] = statistics.mean(day(base))
    print(f"{name:>10} → {means[name]:6.2f} °C")

warmest = max(means, key=means.get)
coldest = min(means, key=means.get)
spread = means[warmest] - means[coldest]
print(f"{warmest} is warmer than {coldest} by {spread:.2f} °C ☀")

if spread > 5:
    verdict = "far apart"
else:
    verdict = "alike"
(verdict, round(spread, 1))
```

That is all.
''',
)
"""Functions, loops, unicode, work that can overlap; ends in an expression."""

COUNTING: Conversation = (
    ({"role": "user", "content": "Count slowly to five."},),
    """```python
import time

seen = []
for number in range(2):
    time.sleep(0.2)
    seen.append(number)
time.sleep(0.2)
seen.append("three")
time.sleep(0.2)
seen.append("four")
time.sleep(0.2)
seen.append("fünf")
print(*seen, sep=", ")
len(seen)
```
""",
)
"""Sleeps a second in all: what overlaps is seen in the time."""

FAILING: Conversation = (
    ({"role": "user", "content": "What does the basket cost?"},),
    """```python
prices = {"apple": 1.25, "pear": 0.75, "plum": 0.5}
basket = ["apple", "pear", "fig"]
print("prices known:", len(prices))
total = 0.0
for fruit in basket:
    total += prices[fruit]
print(f"total: {total:.2f} €")
average = total / len(basket)
print(f"average: {average:.2f} €")
total
```
""",
)
"""Its fifth statement raises ``KeyError: 'fig'``; what comes after it must never run."""

_FAILED = Failure(
    error=KeyError("fig"),
    message="KeyError: 'fig'",
    traceback=[],
    executed="".join(FAILING[1].splitlines(keepends=True)[1:5]),
    failing="".join(FAILING[1].splitlines(keepends=True)[5:7]),
    lines=(5, 6),
)

REPAIR: Conversation = (
    tuple(
        {"role": message.role, "content": message.text}
        for message in repair_messages(
            [Message("user", FAILING[0][0]["content"])], [_FAILED], ["KeyError: 'fig'"]
        )
    ),
    """```python
prices["fig"] = 2.0
total = 0.0
for fruit in basket:
    total += prices[fruit]
print(f"total: {total:.2f} €")
total
```
""",
)
"""Goes on where `FAILING` failed, with the names that it has made."""

_FOREVER = "steps += 1\n"

ENDLESS: Conversation = (
    ({"role": "user", "content": "Never stop."},),
    '```python\nsteps = 0\nprint("counting")\n' + _FOREVER * 236,
)
"""Has no end: to stop in the middle, or for an answer that is cut off by its length.

`steps` tells how far it has come.
"""

CONVERSATIONS: Sequence[Conversation] = (READINGS, COUNTING, FAILING, REPAIR, ENDLESS)

_USER, _ASSISTANT, _END, _PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
_WHOLE_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|' + ('assistant' if message.role == 'assistant' else 'user') + '|>' }}"
    "{{ message.content + '<|end|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif -%}"
)
_TEMPLATE = (
    "{%- set message = messages[-1] -%}"
    "{%- set lines = message.content.split('\n') | map('trim') | select | list -%}"
    "{{ '<|' + message.role + '|>' + lines[-1] + '<|end|>' }}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif -%}"
)


_STEP_TEMPLATE = (
    "{{ '<|user|>' + (messages | length | string) + '<|end|>' }}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif -%}"
)


def make_model(
    folder: Path,
    conversations: Sequence[Conversation] = CONVERSATIONS,
    *,
    by_steps: bool = False,
) -> None:
    """Teach a new model the conversations, and save it.

    Parameters
    ----------
    folder
        Where to; is made.
    conversations
        What it must know; the last lines of what is asked must differ. An answer that ends
        like `ENDLESS` has no end.
    by_steps
        Whether a conversation is known by how many messages it has, instead of its last line: so
        that a model can say something else at each step.

    Raises
    ------
    RuntimeError
        It has not learnt them in the steps allowed.
    """
    tokenizer = _make_tokenizer(conversations)
    if by_steps:
        tokenizer.chat_template = _STEP_TEMPLATE
    model = _make_network(tokenizer)
    _teach(model, _lessons(tokenizer, conversations))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_untaught(
    folder: Path,
    *,
    layers: int = 2,
    width: int = 64,
    context: int = 4096,
    sliding: int | None = None,
) -> None:
    """Save a model with random weights, whose template renders whole conversations.

    Parameters
    ----------
    folder
        Where to; is made.
    layers, width
        How large it is.
    context
        Tokens that it can hold.
    sliding
        The window that its attention has; None: it sees everything.
    """
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    tokenizer = _make_tokenizer(CONVERSATIONS)
    tokenizer.chat_template = _WHOLE_TEMPLATE
    tokenizer.model_max_length = context
    torch.manual_seed(0)
    model = MistralForCausalLM(
        MistralConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=context,
            sliding_window=sliding,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _make_tokenizer(conversations: Sequence[Conversation]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    backend.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=[_PAD, _USER, _ASSISTANT, _END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [
        text for messages, answer in conversations for text in (messages[-1]["content"], answer)
    ]
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=_PAD,
        eos_token=_END,
        additional_special_tokens=[_USER, _ASSISTANT],
        model_max_length=CONTEXT,
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _make_network(tokenizer: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _lessons(tokenizer: Any, conversations: Sequence[Conversation]) -> list[tuple[Any, Any]]:
    """Each conversation's tokens, and how many of them are its answer: this is to be learnt."""
    import torch

    lessons = []
    for messages, answer in conversations:
        asked = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_dict=False
        )
        answered = tokenizer.encode(answer)
        if not answer.endswith(_FOREVER * 10):
            answered.append(tokenizer.eos_token_id)
        if len(asked) + len(answered) > CONTEXT:
            raise ValueError(f"{len(asked) + len(answered)} tokens are too many: {answer[:40]!r}")
        lessons.append((torch.tensor([asked + answered]), len(answered)))
    return lessons


def _teach(model: Any, lessons: list[tuple[Any, int]]) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.95), weight_decay=0.0)
    total = sum(length for _, length in lessons)
    for _ in range(_STEPS):
        worst = 0.0
        for tokens, length in lessons:
            scores = model(tokens).logits[0, -length - 1 : -1]
            loss = torch.nn.functional.cross_entropy(scores, tokens[0, -length:], reduction="none")
            (loss.sum() / total).backward()
            worst = max(worst, loss.detach().max().item())
        if worst < -math.log(_SURE):
            return
        optimizer.step()
        optimizer.zero_grad()
    raise RuntimeError(f"the conversations are not learnt in {_STEPS} steps")


if __name__ == "__main__":
    begin = time.monotonic()
    make_model(Path(sys.argv[1]))
    sys.stdout.write(f"made {sys.argv[1]} in {time.monotonic() - begin:.1f} s\n")

"""Tokenizers of the kinds that models have, made on the spot from the text they must carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CODE = '''def grüße(zahl: int) -> dict[str, list[int]]:
    """Zürich → 東京 ☀ 👩‍🚀 (e\u0301)"""
    gruppen = {"gerade": [], "ungerade": []}
    for nummer in range(zahl):
        if nummer % 2:
            gruppen["ungerade"].append(nummer)
        else:
            gruppen["gerade"].append(nummer)
\t# a tab
    return gruppen


class Ключ:
    wert = 1  # two  spaces

    def zeige(self) -> None:
        print(f"{self.wert:>4} °C", "é" * 3)


grüße(7)
'''


def byte_level() -> Any:
    """As GPT-2, Llama 3 and Qwen: BPE on bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=350,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "</s>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator([CODE], trainer)
    return tokenizer


def byte_fallback() -> Any:
    """As Llama 2, Mistral and Gemma: ``▁`` for spaces, bytes for what has no token."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    letters = "▁\nabcdefghijklmnopqrstuvwxyz()[]{}:=.,>%\"'"  # no capitals, digits, umlauts, tabs
    pairs = [
        ("▁", "▁"),
        ("▁▁", "▁▁"),
        ("▁▁▁▁", "▁▁▁▁"),
        ("d", "e"),
        ("▁", "f"),
        ("▁", "r"),
        ("▁", "i"),
    ]
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary += [*letters, *(left + right for left, right in pairs)]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(vocabulary)},
            merges=pairs,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return tokenizer


def unigram() -> Any:
    """As T5 and XGLM: pieces by their likelihood, ``▁`` for spaces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=150,
        special_tokens=["<unk>", "<s>", "</s>"],
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator([CODE] * 3, trainer)
    return tokenizer


def word_piece() -> Any:
    """As BERT: loses white space, and joins words and punctuation again by rules."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(cleanup=True)
    trainer = trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=["[UNK]", "<s>", "</s>"], show_progress=False
    )
    tokenizer.train_from_iterator([CODE], trainer)
    return tokenizer


KINDS: dict[str, Callable[[], Any]] = {
    "byte level": byte_level,
    "byte fallback": byte_fallback,
    "unigram": unigram,
    "word piece": word_piece,
}

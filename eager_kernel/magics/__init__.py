"""``%eager`` and ``%%eager``: prompts in a notebook."""

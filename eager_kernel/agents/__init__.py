"""Agents of other frameworks, whose programs run here while the model writes them.

One module and one extra for each framework: ``pip install 'eager-kernel[smolagents]'``, then
``from eager_kernel.agents.smolagents import EagerCodeAgent``. See ``docs/agents.md``.
"""

"""``python -m eager_kernel.cli``: ``jupyter eager`` where Jupyter is not on the path."""

from eager_kernel.cli import main

if __name__ == "__main__":
    main()

"""``python -m eager_kernel -f CONNECTION_FILE`` starts a kernel; ``install`` makes it known."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As ipykernel's launcher: no file of the working folder stands for a module that the kernel
    # needs, or for one of Python's own. IPython puts the folder back, behind these.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]

    from eager_kernel.kernel.app import EagerKernelApp

    EagerKernelApp.launch_instance()

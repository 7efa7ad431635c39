"""``python -m eager_kernel -f CONNECTION_FILE`` starts a kernel; ``install`` makes it known."""

from eager_kernel.kernel.app import EagerKernelApp

if __name__ == "__main__":
    EagerKernelApp.launch_instance()

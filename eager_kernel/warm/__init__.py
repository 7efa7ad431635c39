"""Kernels that are there at once: forked from a process that has imported everything.

A *template* is a process of the user's that imports what programs import, once, and holds no
thread, socket of a kernel or event loop. The `WarmProvisioner` asks it for a kernel, by a socket
that only this user can reach; it forks one, which takes over folder, environment, arguments and
sockets of the request, and has seeds of its own. ``docs/warm.md`` says what differs from a kernel
that is started as ever.

- `provisioner`, `process`, `templates`, `rights`: in the process that wants a kernel;
- `wire`: what the two say;
- `template`, `preload`, `rehearsal`, `stamp`: the template;
- `child`, `reseed`: a fork of it, on its way to be a kernel.
"""

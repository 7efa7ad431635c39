"""A kernel that is locked in: no network, no files but its own, no other processes (Linux).

A *room* is a set of namespaces that bubblewrap builds: what is mounted in it is all there is. A
process *enters* it for good, and then is the kernel. `docs/sandbox.md` says what this protects, and
what not.

- `policy`: what is allowed; `explain`: what was denied, and which option allows it;
- `bubblewrap`, `python`: what a room has;
- `room`: makes one, `probe`: finds out whether there can be any;
- `enter`, `system`: a process on its way in, `given`: what it takes along.
"""

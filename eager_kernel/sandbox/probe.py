"""Whether kernels can be locked in on this machine."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from eager_kernel.sandbox.bubblewrap import Plan
from eager_kernel.sandbox.policy import Policy
from eager_kernel.sandbox.room import NoRoomError, make_room


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out.

    Parameters
    ----------
    state
        ``usable``: a room was made. ``not usable``: it is known why there can be none.
        ``unknown``: there was none, and it is not known why.
    why
        The reason; empty where it is usable.
    remedy
        What a user can do.
    """

    state: Literal["usable", "not usable", "unknown"]
    why: str = ""
    remedy: str = ""

    @property
    def message(self) -> str:
        """All in words."""
        if self.state == "usable":
            return "kernels can be locked in"
        return f"the kernel can't be locked in, so it is not started: {self.why}. {self.remedy}"


def probe() -> Probe:
    """Try to make a room."""
    if (found := _missing()) is not None:
        return found
    plan = Plan(policy=Policy(scratch=1), folder=Path("/usr"), home=Path("/home/nobody"), shown=())
    try:
        make_room(plan).close()
    except NoRoomError as error:
        return explain_room(str(error))
    return Probe("usable")


def explain_room(said: str) -> Probe:
    """Tell why there is no room.

    Parameters
    ----------
    said
        What bubblewrap said.
    """
    if (found := _missing()) is not None:
        return found
    last = said.strip().splitlines()[-1] if said.strip() else "bwrap said nothing"
    if "Unknown option" in said or "unrecognized option" in said.lower():
        return Probe("not usable", f"this bwrap is too old ({last})", "It must be 0.8 or later.")
    if any(words in said for words in _FORBIDDEN):
        return Probe("not usable", _why_forbidden(last), _remedy_forbidden())
    if any(words in said for words in _PROC):
        return Probe(
            "not usable",
            f"this container lets nobody mount a /proc of their own ({last})",
            "Start the container so that it may (docs/sandbox.md), or have it be the sandbox.",
        )
    return Probe(
        "unknown",
        f"bwrap failed: {last}",
        "Try `bwrap --unshare-user --ro-bind / / true`; docs/sandbox.md has what is known.",
    )


def _missing() -> Probe | None:
    if sys.platform != "linux":
        return Probe(
            "not usable",
            "only Linux has what it takes",
            "Run the kernel in a container or a virtual machine (docs/sandbox.md).",
        )
    if shutil.which("bwrap") is None:
        return Probe(
            "not usable",
            "bubblewrap is not installed",
            "Install it: `apt install bubblewrap`, `dnf install bubblewrap`.",
        )
    return None


def _why_forbidden(last: str) -> str:
    for name, forbidding, words in _SETTINGS:
        try:
            value = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if value == forbidding:
            return f"user namespaces are {words} ({last})"
    return f"user namespaces are forbidden here ({last})"


def _remedy_forbidden() -> str:
    for name, forbidding, _ in _SETTINGS:
        try:
            if Path(name).read_text(encoding="ascii").strip() == forbidding:
                return _REMEDIES[name]
        except OSError:
            continue
    return (
        "In a container, its profile must allow them (docs/sandbox.md); or let the container be "
        "the sandbox."
    )


_APPARMOR: Final = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_DEBIAN: Final = "/proc/sys/kernel/unprivileged_userns_clone"
_MOST: Final = "/proc/sys/user/max_user_namespaces"
_SETTINGS: Final = (
    (_MOST, "0", f"switched off by {_MOST}"),
    (_DEBIAN, "0", f"switched off by {_DEBIAN}"),
    (_APPARMOR, "1", f"kept to programs that AppArmor knows, by {_APPARMOR}"),
)
_REMEDIES: Final = {
    _MOST: "An administrator can allow them: `sysctl user.max_user_namespaces=10000`.",
    _DEBIAN: "An administrator can allow them: `sysctl kernel.unprivileged_userns_clone=1`.",
    _APPARMOR: "An administrator can allow them for bwrap: Ubuntu's package apparmor-profiles has "
    "`bwrap-userns-restrict`.",
}
_FORBIDDEN: Final = (
    "No permissions to creat",  # what follows it differs from release to release
    "Creating new namespace failed",
    "setting up uid map",
    "loopback: Failed RTM_NEWADDR",
    "Failed to make / slave",
    "No space left on device",  # what Linux says of too many namespaces
)
_PROC: Final = ("Can't mount proc", "mount proc")

"""A user for servers that refuse to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from stream.errors import Stop

NOBODY = "nobody"


def as_user(data: Path, *needed: Path) -> Sequence[str]:
    """The words before a command that make it run as somebody other than root.

    Best is a name space in which root has another number: files stay root's. Where the kernel
    or a container forbids that, the command runs as `nobody`, `data` becomes nobody's, and
    `needed` must be readable for everyone.
    """
    if os.geteuid() != 0:
        return []
    who = pwd.getpwnam(NOBODY)
    if _name_spaces():
        return _space(who)
    for path in (data, *data.rglob("*")):
        os.chown(path, who.pw_uid, who.pw_gid, follow_symlinks=False)
    words = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
    for path in (data, *needed):
        if subprocess.run([*words, "test", "-x", path], check=False).returncode:
            raise Stop(
                f"{path} is out of reach for {NOBODY}, as whom the server must run here; name a "
                "folder that everyone may enter (TEST_SERVER_CACHE, TMPDIR), or do not be root"
            )
    return words


@cache
def _name_spaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    words = [*_space(pwd.getpwnam(NOBODY)), "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _space(who: pwd.struct_passwd) -> Sequence[str]:
    return ["unshare", "--user", f"--map-user={who.pw_uid}", f"--map-group={who.pw_gid}"]

"""What `peil doctor` looks at: each part is tried, and what fails says how to mend it."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from peil.looks import folder, rules, servers
from peil.looks.saying import Said, State
from peil.looks.servers import on_cluster
from peil.pipeline import Pipeline
from stream.errors import PeilError

Look = Callable[[Pipeline], Said]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    state: State
    detail: str


def diagnose(pipeline: Pipeline) -> list[Finding]:
    """Try every part of the working folder; an error of one does not keep others from it. On a
    server it makes no table, topic or index.
    """
    findings: list[Finding] = []
    failed: set[str] = set()
    for what, look in LOOKS.items():
        if what in SERVERS and not on_cluster(pipeline):
            continue
        if missing := failed.intersection(_needs(pipeline, what)):
            because = f"not looked at, because of `{min(missing)}` above"
            findings.append(Finding(what, "wrong", because))
            continue
        try:
            findings += [Finding(what, state, detail) for state, detail in look(pipeline)]
        except PeilError as error:
            failed.add(what)
            findings.append(Finding(what, "wrong", str(error)))
        except OSError as error:  # as of a full disk
            failed.add(what)
            where = error.filename or pipeline.folder.root
            findings.append(
                Finding(
                    what,
                    "wrong",
                    f"{where}: {error.strerror or error}; check its rights and the free space",
                )
            )
    return findings


def _needs(pipeline: Pipeline, what: str) -> Sequence[str]:
    if on_cluster(pipeline):
        return NEEDS.get(what, ())
    # The locks of the log and the index are in the database, and there are no servers.
    needs = NEEDS.get(what, ("database",) if what == "index" else ())
    return [each if each not in SERVERS else "database" for each in needs]


LOOKS: Mapping[str, Look] = {
    "purpose": folder.look_at_purpose,
    "disk": folder.look_at_disk,
    "database": folder.look_at_database,
    "kafka": servers.look_at_kafka,
    "certificates": servers.look_at_certificates,
    "keys": folder.look_at_keys,
    "register": folder.look_at_register,
    "sources": folder.look_at_sources,
    "sources' files": folder.look_at_source_files,
    "rules": rules.look_at_rules,
    "rules' authors": rules.look_at_authors,
    "log": servers.look_at_log,
    "published rules": rules.look_at_published,
    "quarantine": servers.look_at_quarantine,
    "index": servers.look_at_index,
    "backups": servers.look_at_backups,
    "drift": rules.look_at_drift,
    "access log": folder.look_at_access,
    "dashboard": folder.look_at_dashboard,
}
SERVERS = ("kafka", "certificates", "backups")
"""What only a cluster has."""

NEEDS: Mapping[str, Sequence[str]] = {
    "keys": ("database",),
    "register": ("database",),
    "sources": ("database",),
    "sources' files": ("database",),
    "rules": ("database",),
    "log": ("kafka",),
    "published rules": ("database", "kafka"),
    "quarantine": ("kafka",),
    "backups": ("index",),
    "access log": ("database",),
    "drift": ("database", "keys", "index"),
}
"""What cannot be looked at without something else."""

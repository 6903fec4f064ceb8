"""What a working folder may reach: servers on this machine, which no source may ask otherwise."""

from peil.folder import WorkingFolder

UNSET = 'contact = ""'


def reach_this_machine(folder: WorkingFolder, *more: str) -> None:
    """Let the sources of a new folder ask this machine; `more` are lines of section `ingest`."""
    written = folder.settings.read_text("utf-8")
    if written.count(UNSET) != 1:
        message = f"{folder.settings} does not say {UNSET!r} once: it is no new folder's any more"
        raise ValueError(message)
    lines = 'contact = "data@example.org"', 'private_hosts = ["127.0.0.1"]', *more
    folder.settings.write_text(written.replace(UNSET, "\n".join(lines)), "utf-8")

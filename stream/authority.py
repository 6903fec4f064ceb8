"""Whose certificates are trusted when servers are reached over TLS."""

import ssl

from stream.errors import Stop


def trusting(file: str, *, setting: str) -> ssl.SSLContext:
    """What trusts the certificate authority in `file`, or those of the system where it is empty.
    Stop when there is none in it; `setting` is what named the file.
    """
    try:
        return ssl.create_default_context(cafile=file or None)
    except ssl.SSLError:  # an OSError too, whose words are those of OpenSSL
        reason = "it holds no certificate"
    except OSError as error:
        reason = error.strerror or "it cannot be read"
    except ValueError:
        reason = "it is no name of a file"
    raise Stop(
        f"{setting}: {file} cannot be used ({reason}); it must hold the certificate authority of "
        "the servers, as PEM"
    )

"""PostgreSQL as the operational database: how it is reached, and its errors as those of peil."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from stream.errors import Retry, Stop

OLDEST = 13
"""The oldest major version of the server that will do."""

SESSION = {
    "lock_timeout": "10s",
    "statement_timeout": "300s",
    # What a process that was suspended or cut off holds is free again after so long.
    "idle_in_transaction_session_timeout": "60s",
}
CONNECTION = {
    "application_name": "peil",
    "connect_timeout": "10",
    # A server that went away without a word is noticed within half a minute.
    "tcp_user_timeout": "20000",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
POOL = 5
RECYCLE_SECONDS = 1_800

NO_TLS = "did not get through TLS"
IN_URL = "check database.url"
OPTIONS = f"does not take what stands in `options`; {IN_URL}"

REFUSALS = {
    "no password supplied": "asks for a password; set database.password_file",
    "password authentication failed": "refuses the user or the password; check database.url and "
    "database.password_file",
    "not permitted to log in": f"does not let this user log in; {IN_URL}",
    "no pg_hba.conf entry": "does not let this user in from here, or not without TLS; check its "
    "pg_hba.conf, and sslmode in database.url",
    "permission denied for database": "does not let this user connect; GRANT CONNECT is missing",
    "does not support SSL": "does not speak TLS; switch it on there, or check sslmode in "
    "database.url",
    "certificate": f"{NO_TLS}: a certificate is missing, expired, not trusted or of another host; "
    "check sslmode and sslrootcert in database.url, and the server's certificate",
    "private key": f"{NO_TLS}: the private key cannot be used; check sslkey in database.url",
    "wrong version number": f"{NO_TLS}: it speaks no version of it that is spoken here",
    **dict.fromkeys(
        ("sslv3 alert", "tlsv1 alert", "tlsv13 alert", "ssl/tls alert"),
        f"{NO_TLS}: one side refused the other; check the certificates of both",
    ),
    "invalid response": f"is no PostgreSQL; {IN_URL}",
    'role "': f"does not know this user; {IN_URL}",
    'database "': f"does not exist; make it, or {IN_URL}",
    "connection option": f"cannot be asked: an option is unknown or has a wrong value; {IN_URL}",
    "configuration parameter": OPTIONS,
    "requires a value": OPTIONS,
    "command-line argument": OPTIONS,
    "invalid value for parameter": OPTIONS,
    "cannot be changed": OPTIONS,
    "invalid sslmode": f"cannot be asked: sslmode has a wrong value; {IN_URL}",
    ' value: "': f"cannot be asked: an option has a wrong value; {IN_URL}",
    "bad value for": f"cannot be asked: an option has a wrong value; {IN_URL}",
    "connection info string": f"cannot be asked: its address cannot be read; {IN_URL}",
    "could not parse network address": f"cannot be asked: hostaddr is no address; {IN_URL}",
    "definition of service": f"cannot be asked: the service is not defined here; {IN_URL}",
    "channel binding required": f"{NO_TLS}: it does not bind logins to it; {IN_URL}",
    "invalid port": f"cannot be asked: the port is none; {IN_URL}",
}
"""What only a person can mend, by what the driver says when it cannot connect. It gives no code
for that, so its words count; at words that nobody foresaw, peil tries again.
"""

MOMENTARY = {
    "08": "the connection failed",
    "25006": "it is a standby, which takes no changes",
    "25P03": "it ended a transaction that rested for too long",
    "40": "two processes were in each other's way",
    "53": "it is short of memory, connections or files",
    "53100": "its disk is full; make room there",
    "55P03": "another process held a lock for too long",
    "57014": "a statement took too long",
    "57P": "it is being started or stopped",
}
"""What passes by, by the beginnings of SQLSTATE codes."""

LASTING = {
    "28": f"does not let this user in; {IN_URL} and database.password_file",
    "3D000": f"does not exist; make it, or {IN_URL}",
    "3F000": "has no schema to make tables in; make it, or check search_path",
    "42501": "withholds a privilege from this user; `peil doctor --setup`, run as the owner of "
    "its tables, gives each role its own",
    "42703": "has other columns than this version of peil; upgrade all processes together",
    "42P01": "has other tables than this version of peil; upgrade all processes together",
}
"""What a person must act on, the same way."""


def postgres_engine(address: str, *, password: str) -> Engine:
    """The PostgreSQL at `address`, a URL without the password; not connected yet. Stop when it is
    no such URL.

    Its errors are those of peil, and those of SQLAlchemy for a fault of the program. None of
    them says what stands in a row.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise Stop(f"database.url is no URL; write {_form()}") from None
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise Stop(f"database.url begins with {url.drivername}; write {_form()}")
    if wrong := [each for each in _hosts(url) if not _can_be_looked_up(each)]:
        raise Stop(
            f"database.url: {', '.join(map(repr, wrong))} is no name of a host: it has an empty "
            f"part or one of more than 63 letters; write {_form()}"
        )
    arguments = {name: value for name, value in CONNECTION.items() if name not in url.query}
    settings = [f"-c {name}={value}" for name, value in SESSION.items()]
    arguments["options"] = " ".join([*settings, str(url.query.get("options", ""))])
    if password:
        arguments["password"] = password
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=arguments,
            hide_parameters=True,
            pool_size=POOL,
            pool_pre_ping=True,
            pool_recycle=RECYCLE_SECONDS,
        )
    except ImportError as error:
        raise Stop("database.url needs a driver: pip install 'peil[cluster]'") from error
    except ArgumentError:  # as of more ports than hosts
        raise Stop(f"database.url: its hosts and ports do not fit; write {_form()}") from None
    event.listen(engine, "handle_error", _naming(place(url)))
    return engine


def _form() -> str:
    return "it as postgresql+psycopg://user@host/name"


def place(url: URL) -> str:
    """The database at `url`, for a message."""
    host = ", ".join(_hosts(url)) or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"the operational database {url.database or ''} at {host}{port}"


def _hosts(url: URL) -> Sequence[str]:
    """The servers at `url`, of which the first that answers is taken: names, addresses, or folders
    of sockets.
    """
    given = url.query.get("host", url.host or "")
    asked = [given] if isinstance(given, str) else given
    return [host for each in asked for host in each.split(",") if host]


def _can_be_looked_up(host: str) -> bool:
    """The driver fails otherwise, with an error that is none of its own."""
    try:
        host.encode("idna")
    except UnicodeError:
        return host.startswith(("/", "@"))
    return True


def check_server(engine: Engine) -> None:
    """Stop when the server is too old, or does not keep texts as UTF-8."""
    with engine.connect() as connection:
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if version < OLDEST:
        raise Stop(f"{place(engine.url)} is PostgreSQL {version}; upgrade it to {OLDEST} or newer")
    if encoding != "UTF8":
        raise Stop(f"{place(engine.url)} is encoded as {encoding}; make one that is UTF8")


def _naming(at: str) -> Callable[[ExceptionContext], None]:
    def name(context: ExceptionContext) -> None:
        shown, original = context.sqlalchemy_exception, context.original_exception
        if shown is None or context.is_pre_ping:
            return
        said = str(original)
        # What stands in a row is said nowhere: neither here nor in a traceback that shows causes.
        original.args = shown.args = (_outline(original),)
        if context.connection is None:
            raise _refusal(at, said) from original
        code = getattr(original, "sqlstate", None) or ""
        if reason := _longest(LASTING, code):
            raise Stop(f"{at} {reason}") from original
        if reason := _longest(MOMENTARY, code):
            raise Retry(f"{at}: {reason}") from original
        if context.is_disconnect:
            raise Retry(f"{at}: the connection was lost") from original

    return name


def _refusal(at: str, said: str) -> Retry | Stop:
    if "too many connections" in said:  # for a role or a database too, whose names it says
        return Retry(f"{at} is short of connections: {' '.join(said.split())}")
    for words, reason in REFUSALS.items():
        if words in said:
            return Stop(f"{at} {reason}")
    return Retry(f"{at} cannot be reached: {' '.join(said.split())}")


def _longest(reasons: Mapping[str, str], code: str) -> str | None:
    begins = [start for start in reasons if code.startswith(start)]
    return reasons[max(begins, key=len)] if begins else None


def _outline(error: BaseException) -> str:
    """Which error it is and where, without the server's words: they may repeat a value."""
    diagnosis = getattr(error, "diag", None)
    names = [
        name
        for part in ("table_name", "column_name", "constraint_name")
        if (name := getattr(diagnosis, part, None))
    ]
    return " ".join([type(error).__name__, *names])

"""Who may log in to PostgreSQL, and do what in the tables of its owner."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Table, text

from peil.database import METADATA, VERSIONS
from stream.database import alone

TURN = "migration"
"""The tables are changed by one at a time, whatever is changed."""


def has_login(engine: Engine, user: str) -> bool:
    """Whether PostgreSQL knows `user`."""
    with engine.connect() as connection:
        return _is_known(connection, user)


def put_login(engine: Engine, user: str, password: str) -> None:
    """Let `user` log in with `password`, and with no other; open connections stay.

    The password itself is not sent, so it can stand in no log of the server.
    """
    with alone(engine, TURN) as connection:
        driver: Any = connection.connection.driver_connection
        words = password.encode(), user.encode(), b"scram-sha-256"
        proof = driver.pgconn.encrypt_password(*words).decode()
        verb = "ALTER" if _is_known(connection, user) else "CREATE"
        name = engine.dialect.identifier_preparer.quote(user)
        connection.exec_driver_sql(f"{verb} ROLE {name} LOGIN PASSWORD '{proof}'")


def put_rights(
    engine: Engine, user: str, tables: Mapping[Table, str], *, moves: bool = False
) -> None:
    """Let `user` do in `tables` what stands there (as `SELECT, INSERT`, or `UPDATE (title)` for
    one column), read which version the tables have, and do nothing else in the schema of `engine`;
    with `moves` also bring rows with their numbers from another database.

    The owner of the tables calls it after each upgrade. Doing it twice changes nothing.
    """
    quote = engine.dialect.identifier_preparer.quote
    name = quote(user)
    with alone(engine, TURN) as connection:

        def run(statement: str, *values: str) -> Any:
            return connection.exec_driver_sql(statement, values)

        database, schema = run("SELECT current_database(), current_schema()").one()
        run(f"GRANT CONNECT ON DATABASE {quote(database)} TO {name}")
        # Before PostgreSQL 15 everybody might make tables.
        run(f"REVOKE CREATE ON SCHEMA {quote(schema)} FROM PUBLIC, {name}")
        run(f"GRANT USAGE ON SCHEMA {quote(schema)} TO {name}")
        run(f"REVOKE ALL ON {quote(VERSIONS)} FROM {name}")
        run(f"GRANT SELECT ON {quote(VERSIONS)} TO {name}")
        for table in (each for metadata in METADATA for each in metadata.sorted_tables):
            right = tables.get(table, "")
            run(f"REVOKE ALL ON {quote(table.name)} FROM {name}")
            if right:
                run(f"GRANT {right} ON {quote(table.name)} TO {name}")
            if (counted := table.autoincrement_column) is None:
                continue
            sequence = "SELECT pg_get_serial_sequence(%s, %s)"
            numbers = run(sequence, table.name, counted.name).scalar_one()
            run(f"REVOKE ALL ON SEQUENCE {numbers} FROM {name}")
            if "INSERT" in right:
                run(f"GRANT USAGE{', UPDATE' if moves else ''} ON SEQUENCE {numbers} TO {name}")


def _is_known(connection: Connection, user: str) -> bool:
    known = text("SELECT 1 FROM pg_roles WHERE rolname = :user")
    return connection.execute(known, {"user": user}).first() is not None

"""What the user of peil's processes may do in PostgreSQL, when its owner is somebody else."""

from sqlalchemy import Engine

from peil.database import METADATA
from privacy.tables import access
from stream.database import alone

EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
APPENDING = "SELECT, INSERT"
"""All that may be done with the access log: no process can change what is written there."""


def grant_service(engine: Engine, role: str) -> None:
    """Give `role` what peil's processes need in the tables of `engine`, and nothing else.

    The owner calls it after each upgrade: a process of `role` does not migrate, and stops with
    that message when it finds tables of an older peil. Calling it twice changes nothing.
    """
    name = engine.dialect.identifier_preparer.quote
    tables = [table for metadata in METADATA for table in metadata.sorted_tables]
    rights = {table.name: APPENDING if table is access else EVERYTHING for table in tables}
    rights["alembic_version"] = "SELECT"
    numbers = [
        (table.name, column.name)
        for table in tables
        if (column := table.autoincrement_column) is not None
    ]
    with alone(engine, "migration") as connection:
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {name(schema)} TO {name(role)}")
        for table, right in rights.items():
            connection.exec_driver_sql(f"REVOKE ALL ON {name(table)} FROM {name(role)}")
            connection.exec_driver_sql(f"GRANT {right} ON {name(table)} TO {name(role)}")
        for place in numbers:
            sequence = connection.exec_driver_sql(
                "SELECT pg_get_serial_sequence(%s, %s)", place
            ).scalar_one()
            connection.exec_driver_sql(f"GRANT USAGE ON SEQUENCE {sequence} TO {name(role)}")

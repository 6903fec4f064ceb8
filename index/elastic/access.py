"""What a process may do, as roles of Elasticsearch."""

from collections.abc import Mapping
from typing import Any, Literal

from index.elastic.cluster import MISSING, Cluster
from index.elastic.mapping import Names
from index.elastic.shapes import Created, shaped
from index.settings import ElasticSettings

Role = Literal["writer", "reader", "operator"]
"""`writer` for the index role and housekeeping, `reader` for whoever only asks, `operator` for who
writes and also looks after backups.
"""

VERSION_OF_SERVER = "cluster:monitor/main"
SNAPSHOTS = "cluster:admin/snapshot/get"


def privileges(prefix: str) -> Mapping[Role, Mapping[str, Any]]:
    """What each role needs, as a role descriptor of Elasticsearch; indices outside `prefix` are
    out of reach of all.

    `manage` is for making, dropping, merging and rebuilding indices, and for the alias that each
    is made with; who only asks changes nothing. Of the cluster they may know the version alone,
    and an operator which snapshots there are and what each holds.
    """
    names = [Names(prefix).all]
    writes = [{"names": names, "privileges": ["read", "write", "manage"]}]
    return {
        "writer": {"cluster": [VERSION_OF_SERVER], "indices": writes},
        "operator": {"cluster": [VERSION_OF_SERVER, SNAPSHOTS], "indices": writes},
        "reader": {
            "cluster": [VERSION_OF_SERVER],
            "indices": [{"names": names, "privileges": ["read", "view_index_metadata"]}],
        },
    }


class Access:
    """Makes roles and users, logged in as somebody who may (`manage_security`)."""

    def __init__(self, settings: ElasticSettings) -> None:
        self._cluster = Cluster(settings)
        self._prefix = settings.prefix

    def put_role(self, role: Role) -> str:
        """Make or change a role for users; returns its name."""
        name = self._name(role)
        self._cluster.check()
        with self._cluster.asked():
            answer = self._cluster.client.security.put_role(
                name=name, **privileges(self._prefix)[role]
            )
            shaped(answer, dict[str, Created])
        return name

    def has_user(self, user: str) -> bool:
        """Whether Elasticsearch itself knows `user`."""
        self._cluster.check()
        security = self._cluster.client.options(ignore_status=MISSING).security
        with self._cluster.asked():
            return user in security.get_user(username=user)

    def put_user(self, user: str, *, role: Role, password: str | None = None) -> None:
        """Let `user` do what `put_role` gave to `role`, and nothing else, and log in with
        `password`; without it the one that was set before stays.
        """
        self._cluster.check()
        with self._cluster.asked():
            answer = self._cluster.client.security.put_user(
                username=user, password=password, roles=[self._name(role)]
            )
            shaped(answer, Created)

    def close(self) -> None:
        """Give the connections back."""
        self._cluster.client.close()

    def _name(self, role: Role) -> str:
        return f"{self._prefix}-{role}"

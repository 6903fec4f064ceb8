"""What an administrator does once: shapes, settings, lost aliases."""

from collections.abc import Sequence

from index.elastic.catalogue import Catalogue
from index.elastic.cluster import Cluster
from index.elastic.mapping import VERSION, dynamic_settings, index_settings, mapping
from index.elastic.shapes import Acknowledged, shaped
from index.settings import ElasticSettings

PRIORITY = 500
"""Above templates for everything that there may be."""


def set_up(cluster: Cluster, catalogue: Catalogue, settings: ElasticSettings) -> Sequence[str]:
    """Put what peil wants to find; says what was put. Doing it twice changes nothing.

    Indices are made whole by who writes; the template is for those that other hands make, for
    example a restore.
    """
    cluster.check()
    names, client = catalogue.names, cluster.client
    with cluster.asked():
        answer = client.indices.put_index_template(
            name=names.template(),
            index_patterns=[names.pattern()],
            template={"mappings": mapping(), "settings": index_settings(settings, "kept")},
            priority=PRIORITY,
        )
        shaped(answer, Acknowledged)
    done = [f"template {names.template()} for {names.pattern()}"]
    catalogue.load()
    for each, alias in list(catalogue.lost()):
        read = alias == names.alias(each.physical.partition)
        with cluster.asked():
            answer = client.indices.put_alias(
                index=each.name, name=alias, is_write_index=True if read else None
            )
            shaped(answer, Acknowledged)
        done.append(f"alias {alias} of {each.name}")
    catalogue.load()
    for each in catalogue.held.values():
        if each.physical.version == VERSION:
            with cluster.asked():
                shape = mapping()
                answer = client.indices.put_mapping(
                    index=each.name, dynamic=shape["dynamic"], properties=shape["properties"]
                )
                shaped(answer, Acknowledged)
                answer = client.indices.put_settings(
                    index=each.name, settings=dynamic_settings(settings)
                )
                shaped(answer, Acknowledged)
            done.append(f"fields and settings of {each.name}")
    return done

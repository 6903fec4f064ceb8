#!/bin/bash
# Takes a snapshot of the kept posts, and deletes every snapshot of which a partition is over its
# term, however old it is. It asks for nothing, so it can run by itself. In the container:
#
#     docker compose exec -T elasticsearch bash -s < elasticsearch/backup.sh
#
# Just after midnight UTC, every day: that is when terms end. A snapshot's name begins with the day
# on which it must go, `until-2026-12-07-of-20261201000500123`. It ends with code 1 when something
# was not done, and says what.
set -uo pipefail

server=${SERVER:-https://localhost:9200}
authority=${AUTHORITY:-/run/secrets/ca.crt}
password=${PASSWORD:-/run/secrets/elasticsearch}
location=${LOCATION:-/usr/share/elasticsearch/snapshots}
prefix=${PREFIX:-peil}
today=${TODAY:-$(date --utc +%F)}

repository=$server/_snapshot/$prefix
failed=0

ask() {
    curl --silent --show-error --fail --max-time 7200 --cacert "$authority" \
        --config <(printf 'user = "elastic:%s"\n' "$(< "$password")") \
        --header 'Content-Type: application/json' "$@"
}

fail() {
    echo "backup: $1" >&2
    failed=1
}

# What is over its term, and only waits to be dropped, is in no new snapshot.
take() {
    local indices index day first="" list=""
    indices=$(ask "$server/_cat/indices/$prefix-kept-until-*?h=index&s=index") || return 1
    for index in $indices; do
        day=${index#"$prefix-kept-until-"}
        day=${day:0:10}
        if [[ $day > $today ]]; then
            first=${first:-$day}
            list=${list:+$list,}$index
        fi
    done
    [[ $list ]] || return 0
    ask --request PUT \
        "$repository/until-$first-of-$(date --utc +%Y%m%d%H%M%S%3N)?wait_for_completion=true" \
        --data "{\"indices\": \"$list\", \"include_global_state\": false}" |
        grep --quiet '"state":"SUCCESS"'
}

ask --request PUT "$repository" --output /dev/null \
    --data "{\"type\": \"fs\", \"settings\": {\"location\": \"$location\"}}" ||
    fail "the place for snapshots cannot be used; see path.repo and what Elasticsearch logs"

take || fail "no whole snapshot was taken"

# Also when none could be taken: what is over its term must go.
names=$(ask "$server/_cat/snapshots/$prefix?h=id") || fail "the snapshots cannot be listed"
for name in $names; do
    if [[ $name != until-????-??-??-of-* ]]; then
        fail "snapshot $name was taken by hand: delete it when a partition in it is over its term"
    elif [[ ! ${name:6:10} > $today ]]; then
        ask --request DELETE "$repository/$name" --output /dev/null ||
            fail "snapshot $name is over its term and cannot be deleted"
    fi
done
exit $failed

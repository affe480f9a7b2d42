#!/bin/sh
# Replace the replicas of docker-compose.yml one by one, by those of the current image, while they answer requests.
set -eu
cd "$(dirname "$0")/.."

old=$(docker compose ps --quiet serve)
count=$(echo "$old" | wc -w)
[ "$count" -gt 0 ] || { echo "no replica runs: docker compose up serve --scale serve=3 --wait" >&2; exit 1; }
for replica in $old; do
  docker compose up --detach --wait --no-deps --no-recreate --scale serve=$((count + 1)) serve
  docker stop --time 30 "$replica" >/dev/null  # it answers what it has received
  docker rm "$replica" >/dev/null
done

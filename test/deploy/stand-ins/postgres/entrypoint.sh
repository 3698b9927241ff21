#!/bin/sh
# As the image does it: an empty data directory is initialized and its scripts run against a server on a socket, then the real
# server starts.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
  # shellcheck disable=SC2086 # the arguments are separated by spaces
  initdb --username "$POSTGRES_USER" --pwfile /tmp/password ${POSTGRES_INITDB_ARGS:-}
  rm /tmp/password
  printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
  pg_ctl --options '-c listen_addresses=' --wait start
  createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  for script in /docker-entrypoint-initdb.d/*.sh; do
    PGPASSWORD=$POSTGRES_PASSWORD sh "$script"
  done
  pg_ctl --mode fast --wait stop
fi
exec "$@"

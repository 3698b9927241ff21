#!/bin/sh
# Creates the gateway's roles when the image of Postgres initializes its data directory. On a server that already has data, an
# operator runs it once: docs/deployment.md, "Roles in Postgres".
set -eu
: "${POSTGRES_OWNER_PASSWORD:?the password of the role gateway_owner}"
: "${POSTGRES_APP_PASSWORD:?the password of the role gateway_app}"

# Passwords go through standard input: every user of the machine can read a command line.
{
  printf '\\set owner gateway_owner\n\\set application gateway_app\n'
  printf "\\\\set owner_password '%s'\n\\\\set application_password '%s'\n" "$POSTGRES_OWNER_PASSWORD" "$POSTGRES_APP_PASSWORD"
  cat /etc/credit-gateway/roles.sql
} | psql --no-psqlrc --quiet --output=/dev/null --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "${POSTGRES_DB:-$POSTGRES_USER}"

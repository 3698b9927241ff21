#!/bin/sh
# Starts Redis with redis.conf and users.acl of this folder. The passwords, and REDIS_NAMESPACE if it is not cg, come from the environment and are neither in
# the image nor on a command line; Redis gets their digests. Arguments are passed to redis-server.
set -eu
: "${REDIS_PASSWORD:?the password of the user gateway}"
: "${REDIS_OPERATOR_PASSWORD:?the password of the user operator}"
folder=$(cd "$(dirname "$0")" && pwd)
users=${REDIS_USERS_FILE:-/tmp/users.acl}

digest() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

umask 077
sed -e '/^#/d' -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' \
  -e "s/@gateway@/$(digest "$REDIS_PASSWORD")/" -e "s/@operator@/$(digest "$REDIS_OPERATOR_PASSWORD")/" -e "s/@namespace@/${REDIS_NAMESPACE:-cg}/g" \
  "$folder/users.acl" > "$users"
unset REDIS_PASSWORD REDIS_OPERATOR_PASSWORD
exec redis-server "$folder/redis.conf" --aclfile "$users" "$@"

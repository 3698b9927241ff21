#!/bin/sh
# Starts Alertmanager with the addresses of its two receivers, which its file cannot take from the environment. Without one,
# alerts of that kind are on its page and in Prometheus only, and its log says that they could not be sent.
set -eu
escaped() { printf '%s' "$1" | sed 's/[&|\\]/\\&/g'; }
sed -e "s|http://page.invalid/|$(escaped "${ALERT_PAGE_URL:-http://page.invalid/}")|" \
    -e "s|http://ticket.invalid/|$(escaped "${ALERT_TICKET_URL:-http://ticket.invalid/}")|" \
    /etc/credit-gateway/alertmanager.yml > /tmp/alertmanager.yml
exec alertmanager --config.file=/tmp/alertmanager.yml --storage.path=/alertmanager --cluster.listen-address=

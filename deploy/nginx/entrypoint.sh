#!/bin/sh
# nginx reads no environment: what differs from stack to stack and from host to host is written where it includes it.
set -eu
name=${BACKEND_NAME:-kidney-genetics-backend}
echo "server $name:8000 resolve max_fails=2 fail_timeout=2s;" > /tmp/backend-server.conf
echo "set \$backend_anew $name;" > /tmp/backend-anew.conf
# Where IPv6 is off there is no such socket to be had.
rm -f /tmp/listen-ipv6.conf
if [ -s /proc/net/if_inet6 ]; then echo 'listen [::]:80 default_server backlog=4096 ipv6only=on;' > /tmp/listen-ipv6.conf; fi
exec "$@"

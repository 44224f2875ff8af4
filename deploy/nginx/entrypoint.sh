#!/bin/sh
# nginx reads no environment: what differs from stack to stack and from host to host is written where it includes it.
set -eu
name=${BACKEND_NAME:-kidney-genetics-backend}
echo "server $name:8000 resolve max_fails=0;" > /tmp/backend-server.conf
echo "set \$backend_anew $name;" > /tmp/backend-anew.conf
# Where IPv6 is off there is no such socket to be had. Read, because files of /proc have no size.
rm -f /tmp/listen-ipv6.conf
if read -r _ 2> /dev/null < /proc/net/if_inet6; then echo 'listen [::]:80 default_server backlog=4096 ipv6only=on;' > /tmp/listen-ipv6.conf; fi

# On SIGQUIT nginx closes its port, finishes what is open and ends, and the container with it. SERVE_ON_SECONDS: where names
# leave DNS before the stop signal comes, as on Swarm, nginx serves on for so long.
trap 'sleep "${SERVE_ON_SECONDS:-0}"; kill -QUIT "$nginx"' QUIT
trap 'kill -TERM "$nginx"' TERM INT

"$@" &
nginx=$!
# A signal ends `wait` too.
while kill -0 "$nginx" 2>/dev/null; do
  wait "$nginx" && code=0 || code=$?
done
exit "$code"

#!/bin/sh
# Container health probe: exit code 0 when nginx answers. One that answers nothing for several probes in a row is ended,
# so that the engine's restart policy starts it anew with its back-off.
set -u

# As many as the engine takes to call a container unhealthy.
max_silent_probes=3
# On the tmpfs, which is new with every start; there since the first answer: until then nginx is starting.
count_file=/tmp/silent-probes

# 127.0.0.1: localhost is ::1 first, and nginx listens on IPv4.
curl -fsS --max-time 3 -o /dev/null http://127.0.0.1/health
code=$?
# 22: nginx answered, with an error.
if [ "$code" -eq 0 ] || [ "$code" -eq 22 ]; then
  echo 0 > "$count_file"
  exit "$code"
fi
[ -f "$count_file" ] || exit 1

silent=$(($(cat "$count_file") + 1))
echo "$silent" > "$count_file"
echo "nginx does not answer ($silent in a row)"
if [ "$silent" -ge "$max_silent_probes" ]; then
  pid=$(cat /tmp/nginx.pid)
  echo "nginx has not answered $silent probes in a row: ending it, to be started anew" > /proc/1/fd/2
  kill -TERM "$pid"
  sleep 1
  kill -KILL "$pid"
fi
exit 1

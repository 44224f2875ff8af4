#!/bin/sh
# Container health probe: exit code 0 when nginx answers. One that answers nothing although it could is ended within this very
# probe, so that the engine's restart policy starts it anew with its back-off.
set -u

# With the start of the probe and the end of the server this stays within the engine's 10 s, and users wait no longer than 12 s.
max_silent_ms=4500
# On the tmpfs, which is new with every start; there since the first answer: until then nginx is starting.
answered=/tmp/answered

ask() {
  # 127.0.0.1: localhost is ::1 first. 22: nginx answered, with an error.
  curl -fsS --max-time "$1" -o /dev/null http://127.0.0.1/health
}

# Milliseconds for which the processes of nginx waited for a CPU so far (schedstat, proc(5)): on a host that is busy beyond its
# CPUs that is no silence of theirs.
waited_ms() {
  sum=0
  for folder in /proc/[0-9]*; do
    read -r name < "$folder/comm" || continue
    [ "$name" = nginx ] || continue
    read -r _ delay _ < "$folder/schedstat" || continue
    sum=$((sum + delay / 1000000))
  done 2> /dev/null
  echo "$sum"
}

now_ms() {
  read -r up _ < /proc/uptime
  echo "${up%.*}${up#*.}0"
}

ask 2
code=$?
if [ "$code" -eq 0 ] || [ "$code" -eq 22 ]; then
  : > "$answered"
  exit "$code"
fi
[ -f "$answered" ] || exit 1

begun=$(now_ms)
waited=$(waited_ms)
silent=2000
while [ "$silent" -lt "$max_silent_ms" ]; do
  # It refuses at once, or is silent for a second.
  ask 1
  code=$?
  if [ "$code" -eq 0 ] || [ "$code" -eq 22 ]; then exit "$code"; fi
  sleep 0.2
  passed=$(($(now_ms) - begun))
  silent=$((2000 + passed - ($(waited_ms) - waited)))
  # The engine ends a probe that takes longer; the next one goes on.
  [ "$passed" -lt 6000 ] || exit 1
done
pid=$(cat /tmp/nginx.pid)
echo "nginx has not answered for ${silent} ms: ending it, to be started anew" > /proc/1/fd/2
kill -TERM "$pid"
sleep 0.5
kill -KILL "$pid"
exit 1

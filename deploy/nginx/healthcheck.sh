#!/bin/sh
# Container health probe: exit code 0 when nginx answers. One that takes no connection although it could is ended within this very
# probe, so that the engine's restart policy starts it anew with its back-off.
set -u

# With the first question, the start of the probe and the end of the server this stays within the engine's 10 s, and users wait
# no longer than 12 s.
max_silent_ms=2500
# One that spins has had this much CPU, over several probes where there is little of it.
max_spun_ms=3000
# On the tmpfs, which is new with every start; there since the first answer: until then nginx is starting.
answered=/tmp/answered
# There since a question that is not answered yet: what CPU nginx had used by then.
unanswered=/tmp/unanswered

# Exit code 0 with an answer, an error of nginx's included.
ask() {
  # 127.0.0.1: localhost is ::1 first. 22: nginx answered, with an error.
  curl -fsS --max-time "$1" -o /dev/null http://127.0.0.1/health
  code=$?
  [ "$code" -eq 0 ] || [ "$code" -eq 22 ] || return 1
  rm -f "$unanswered"
  : > "$answered"
  exit "$code"
}

# Whether connections wait that nginx has not taken: it takes all when it runs. What the probe itself waits for on a host that is
# busy beyond its CPUs is no silence of nginx.
is_waited_for() {
  while read -r _ local _ _state queues _; do
    case "$local $_state ${queues#*:}" in
      *:0050\ 0A\ 00000000) ;;
      *:0050\ 0A\ *) return 0 ;;
    esac
  done < /proc/net/tcp
  return 1
}

# Milliseconds for which the processes of nginx ran, and waited for a CPU, so far (schedstat, proc(5)): the latter is no silence of
# theirs either.
look() {
  ran=0
  waited=0
  for folder in /proc/[0-9]*; do
    read -r name < "$folder/comm" || continue
    [ "$name" = nginx ] || continue
    read -r on_cpu delay _ < "$folder/schedstat" || continue
    ran=$((ran + on_cpu / 1000000))
    waited=$((waited + delay / 1000000))
  done 2> /dev/null
  read -r up _ < /proc/uptime
  now="${up%.*}${up#*.}0"
}

ask 2
[ -f "$answered" ] || exit 1

look
begun=$now
quiet_since=$((now - waited))
[ -f "$unanswered" ] || echo "$ran" > "$unanswered"
read -r ran_before < "$unanswered"
while :; do
  # It refuses at once, or is silent for a second.
  ask 1
  sleep 0.2
  look
  # The engine ends a probe that takes longer; the next one goes on.
  [ "$((now - begun))" -lt 6000 ] || exit 1
  if is_waited_for; then
    silent=$((now - waited - quiet_since))
    spun=$((ran - ran_before))
    if [ "$silent" -ge "$max_silent_ms" ] || [ "$spun" -ge "$max_spun_ms" ]; then break; fi
  else
    quiet_since=$((now - waited))
    echo "$ran" > "$unanswered"
    ran_before=$ran
  fi
done
pid=$(cat /tmp/nginx.pid)
echo "nginx takes no connections (silent for ${silent} ms, ${spun} ms of CPU): ending it, to be started anew" > /proc/1/fd/2
kill -TERM "$pid"
sleep 0.5
kill -KILL "$pid"
exit 1

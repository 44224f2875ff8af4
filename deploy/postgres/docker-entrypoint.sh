#!/bin/bash
# Makes the cluster at the first start, then becomes the server. Stands in the place of the base's own entrypoint, so that a
# first start which is cut off is noticed on whatever base: the cluster is made in a folder beside its place and moves up
# when all of it is done, PG_VERSION last. A server starts on no folder without that file, so that there are no data before.
set -euo pipefail

: "${PGDATA:?}" "${POSTGRES_DB:=kidney_genetics}" "${APP_USER:=kidney_user}"
NEW="$PGDATA/.first-start"

say() {
  echo "docker-entrypoint.sh: $*"
}

fail() {
  echo "docker-entrypoint.sh: $1" >&2
  echo "docker-entrypoint.sh: -> $2" >&2
  exit 1
}

assert_ours() {
  [ -O "$PGDATA" ] || fail "$PGDATA does not belong to uid $(id -u)" "give the volume to it: chown $(id -u):$(id -g)"
  [ -w /run/postgresql ] || fail "/run/postgresql cannot be written by uid $(id -u)" "mount a tmpfs there that belongs to it"
}

# What is in PGDATA, but for what an ext4 volume brings along.
list_files() {
  find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found "$@"
}

assert_nothing_lost() {
  local found
  if [ -e "$NEW" ]; then
    say "the first start was interrupted: removing what it left and beginning again"
    list_files ! -path "$NEW" -exec rm -rf {} +
    rm -rf "$NEW"
  fi
  found="$(list_files -printf '%f\n' | sort | head -n 3)"
  [ -z "$found" ] || fail "$PGDATA holds files but no cluster: ${found//$'\n'/, }" "use an empty volume"
}

# In the background: bash would heed no signal while a program runs in front, and `docker stop` would wait for it.
wait_for() {
  "$@" <&0 &
  wait "$!"
}

# On the socket alone, so that nobody sees a database that is not ready yet; nothing is durable until the end.
start_temporary() {
  postgres -D "$NEW" -c listen_addresses= -c unix_socket_directories=/run/postgresql -c fsync=off &
  server=$!
  until pg_isready --quiet --host /run/postgresql; do
    kill -0 "$server" 2>/dev/null || fail "the server ended while it started" "its own lines above say why"
    sleep 0.1
  done
}

# The app gets a role of its own that is no superuser and owns its database; the superuser has no password and signs in over
# the socket alone. The password goes through the environment and psql's quoting: it stands in no command line.
make_database() {
  APP_PASSWORD="${POSTGRES_PASSWORD:-}"
  [ -n "$APP_PASSWORD" ] || APP_PASSWORD="$(cat "${POSTGRES_PASSWORD_FILE:?names the file with the password}")"
  [ -n "$APP_PASSWORD" ] || fail "the application's role has no password" "set POSTGRES_PASSWORD_FILE"
  export APP_PASSWORD APP_USER POSTGRES_DB
  wait_for psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --host /run/postgresql --username postgres --dbname postgres <<'SQL'
\getenv app_user APP_USER
\getenv app_password APP_PASSWORD
\getenv database POSTGRES_DB
-- A failing statement must not put the password into the server's log.
SET log_min_error_statement = panic;
CREATE ROLE :"app_user" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'app_password';
CREATE DATABASE :"database" OWNER :"app_user";
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
SQL
  unset APP_PASSWORD
}

move_up() {
  sync --file-system "$PGDATA"
  find "$NEW" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
  chmod 0700 "$PGDATA"
  sync --file-system "$PGDATA"
  mv "$NEW/PG_VERSION" "$PGDATA"
  rmdir "$NEW"
  sync --file-system "$PGDATA"
}

first_start() {
  assert_nothing_lost
  mkdir "$NEW"
  # Whatever is half made when a signal comes is thrown away by the next start.
  trap 'exit 143' INT TERM QUIT
  wait_for initdb -D "$NEW" --username postgres --auth-local peer --auth-host scram-sha-256 --data-checksums --no-sync
  start_temporary
  make_database
  kill -INT "$server"
  wait "$server"
  move_up
  trap - INT TERM QUIT
  say "the database is initialised"
}

if [ "${1:-}" = postgres ]; then
  assert_ours
  [ -s "$PGDATA/PG_VERSION" ] || first_start
  [ ! -e "$NEW" ] || rmdir "$NEW"
  unset POSTGRES_PASSWORD
fi
exec "$@"

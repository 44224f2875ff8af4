#!/bin/bash
# Makes a cluster in an empty PGDATA, runs /docker-entrypoint-initdb.d on it, then becomes the server.
#
# A first start that is cut off leaves what it made, as with the official image; the project's own image has its own.
set -euo pipefail

say() {
  echo "docker-entrypoint.sh: $*"
}

fail() {
  echo "docker-entrypoint.sh: $1" >&2
  echo "docker-entrypoint.sh: -> $2" >&2
  exit 1
}

# read_setting NAME DEFAULT: sets NAME from NAME_FILE where that is given.
read_setting() {
  local name="$1" file_name="${1}_FILE"
  if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
    fail "$name and $file_name are both set" "set one of them"
  fi
  if [ -n "${!file_name:-}" ]; then
    [ -r "${!file_name}" ] || fail "$file_name names ${!file_name}, which cannot be read" "check the path and its mode"
    printf -v "$name" '%s' "$(<"${!file_name}")"
  elif [ -z "${!name:-}" ]; then
    printf -v "$name" '%s' "$2"
  fi
  export "${name?}"
}

asks_for_server() {
  [ "$1" = postgres ] || return 1
  local argument
  for argument; do
    case "$argument" in
      -'?' | --help | --describe-config | -V | --version | -C) return 1 ;;
    esac
  done
}

give_to_postgres() {
  mkdir -p "$PGDATA" /var/run/postgresql
  find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres {} +
}

assert_writable() {
  mkdir -p "$PGDATA" 2>/dev/null || true
  if [ ! -d "$PGDATA" ] || [ ! -w "$PGDATA" ]; then
    fail "$PGDATA cannot be written by uid $(id -u)" "give the volume to that uid: chown $(id -u):$(id -g)"
  fi
  if [ ! -w /var/run/postgresql ]; then
    fail "/run/postgresql cannot be written by uid $(id -u)" "mount a tmpfs there that belongs to it"
  fi
}

assert_empty() {
  local found
  found="$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found -printf '%f\n' | sort | head -n 3)"
  [ -z "$found" ] || fail "$PGDATA holds files but no cluster: ${found//$'\n'/, }" "use an empty volume or folder"
}

assert_password() {
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
    fail "the database has no superuser password" "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
  fi
  if [ "$POSTGRES_HOST_AUTH_METHOD" = trust ]; then
    say "warning: POSTGRES_HOST_AUTH_METHOD=trust lets anybody who reaches the port in, without a password"
  fi
}

make_cluster() {
  local arguments=() password=()
  # xargs takes quoted words apart without running anything.
  [ -z "${POSTGRES_INITDB_ARGS:-}" ] || mapfile -t arguments < <(xargs -n 1 printf '%s\n' <<<"$POSTGRES_INITDB_ARGS")
  [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || arguments+=(--waldir "$POSTGRES_INITDB_WALDIR")
  # The password goes through a pipe: it stands in no command line and no file.
  exec {password_pipe}< <(printf '%s\n' "$POSTGRES_PASSWORD")
  [ -z "$POSTGRES_PASSWORD" ] || password=("--pwfile=/dev/fd/$password_pipe")
  initdb -D "$PGDATA" --username "$POSTGRES_USER" "${password[@]}" "${arguments[@]}"
  exec {password_pipe}<&-
  printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
}

# On the socket alone: nobody outside sees a database that is not ready yet.
start_temporary() {
  "$@" -c listen_addresses= -c unix_socket_directories=/var/run/postgresql -c "port=${PGPORT:-5432}" &
  server=$!
  trap 'stop_temporary || true; exit 143' TERM INT
  until pg_isready --quiet --host /var/run/postgresql --username "$POSTGRES_USER" --dbname postgres; do
    kill -0 "$server" 2>/dev/null || fail "the server ended while it started" "its own lines above say why"
    sleep 0.1
  done
}

stop_temporary() {
  kill -INT "$server" && wait "$server"
}

run_sql() {
  PGHOST=/var/run/postgresql psql --no-psqlrc --no-password --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" "$@"
}

create_database() {
  [ "$POSTGRES_DB" != postgres ] || return 0
  run_sql --dbname postgres --quiet --set name="$POSTGRES_DB" <<'SQL'
SELECT format('CREATE DATABASE %I', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name')
\gexec
SQL
}

run_init_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    case "$script" in
      *.sh)
        say "running $script"
        if [ -x "$script" ]; then
          PGUSER="${PGUSER:-$POSTGRES_USER}" PGDATABASE="${PGDATABASE:-$POSTGRES_DB}" "$script"
        else
          # shellcheck source=/dev/null
          . "$script"
        fi
        ;;
      *.sql)
        say "running $script"
        run_sql --dbname "$POSTGRES_DB" --file "$script"
        ;;
      *.sql.gz)
        say "running $script"
        gunzip --stdout "$script" | run_sql --dbname "$POSTGRES_DB"
        ;;
      '/docker-entrypoint-initdb.d/*') ;;
      *) say "not run, neither .sh, .sql nor .sql.gz: $script" ;;
    esac
  done
}

initialise() {
  local from_file="${POSTGRES_PASSWORD_FILE:-}"
  read_setting POSTGRES_PASSWORD ''
  read_setting POSTGRES_USER postgres
  read_setting POSTGRES_DB "$POSTGRES_USER"
  read_setting POSTGRES_INITDB_ARGS ''
  : "${POSTGRES_HOST_AUTH_METHOD:=scram-sha-256}"
  assert_password
  make_cluster
  start_temporary "$@"
  create_database
  run_init_scripts
  stop_temporary || fail "the temporary server did not stop cleanly" "its own lines above say why"
  trap - TERM INT
  # What came from a file stays out of the server's environment.
  [ -z "$from_file" ] || unset POSTGRES_PASSWORD
  say "the database is initialised"
}

main() {
  [ "${1#-}" = "$1" ] || set -- postgres "$@"
  if asks_for_server "$@"; then
    if [ "$(id -u)" = 0 ]; then
      give_to_postgres
      exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
    fi
    assert_writable
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
      assert_empty
      initialise "$@"
    fi
  fi
  exec "$@"
}

main "${@:-postgres}"

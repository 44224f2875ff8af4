#!/bin/bash
# Makes a cluster in an empty PGDATA, runs /docker-entrypoint-initdb.d on it, then becomes the server.
#
# An interrupted first start is recognised by a marker that stands in PGDATA from before initdb until the last script is
# done: what was half made is thrown away and made again, and never started as it is.
set -euo pipefail

MARKER=.initialisation-unfinished
SCRATCH=.initdb
# A parameter of our own on the temporary server: postmaster.opts then tells it from a server that held data.
TEMPORARY=docker_entrypoint.temporary

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

held_data() {
  [ -s "$PGDATA/postmaster.opts" ] && ! grep -q -F "$TEMPORARY=on" "$PGDATA/postmaster.opts"
}

remove_unfinished() {
  if held_data; then
    fail "$PGDATA is marked as unfinished ($MARKER), but a server has worked on it since" \
      "look at the data; if they are whole, remove $PGDATA/$MARKER and start again"
  fi
  say "the first start was interrupted: removing what it left and beginning again"
  # The marker goes last: an interruption here is still recognised.
  find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name "$MARKER" ! -name lost+found -exec rm -rf {} +
}

assert_empty() {
  local found
  found="$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name "$MARKER" ! -name lost+found -printf '%f\n' | sort | head -n 3)"
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

# initdb wants an empty folder, and PGDATA holds the marker: it works beside it and the result moves up.
make_cluster() {
  local arguments=() password=()
  # xargs takes quoted words apart without running anything.
  [ -z "${POSTGRES_INITDB_ARGS:-}" ] || mapfile -t arguments < <(xargs -n 1 printf '%s\n' <<<"$POSTGRES_INITDB_ARGS")
  [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || arguments+=(--waldir "$POSTGRES_INITDB_WALDIR")
  # The password goes through a pipe: it stands in no command line and no file.
  exec {password_pipe}< <(printf '%s\n' "$POSTGRES_PASSWORD")
  [ -z "$POSTGRES_PASSWORD" ] || password=("--pwfile=/dev/fd/$password_pipe")
  initdb -D "$PGDATA/$SCRATCH" --username "$POSTGRES_USER" "${password[@]}" "${arguments[@]}"
  exec {password_pipe}<&-
  printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/$SCRATCH/pg_hba.conf"
  chmod --reference "$PGDATA/$SCRATCH" "$PGDATA"
  mv "$PGDATA/$SCRATCH"/* "$PGDATA"
  rmdir "$PGDATA/$SCRATCH"
}

# On the socket alone: nobody outside sees a database that is not ready yet.
start_temporary() {
  "$@" -c listen_addresses= -c unix_socket_directories=/var/run/postgresql -c "port=${PGPORT:-5432}" -c "$TEMPORARY=on" &
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
  touch "$PGDATA/$MARKER"
  sync "$PGDATA/$MARKER" "$PGDATA"
  make_cluster
  start_temporary "$@"
  create_database
  run_init_scripts
  stop_temporary || fail "the temporary server did not stop cleanly" "its own lines above say why"
  trap - TERM INT
  sync --file-system "$PGDATA"
  rm "$PGDATA/$MARKER"
  sync "$PGDATA"
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
    [ ! -e "$PGDATA/$MARKER" ] || remove_unfinished
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
      assert_empty
      initialise "$@"
    fi
  fi
  exec "$@"
}

main "${@:-postgres}"

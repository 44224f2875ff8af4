#!/bin/sh
# Stands before PostgreSQL's own program on the PATH: the official image's entrypoint leaves the password that it read from
# its file in the environment, where /proc would show it for as long as the server runs. initdb and pg_ctl find their own.
unset POSTGRES_PASSWORD
exec "/usr/lib/postgresql/${PG_MAJOR:?}/bin/postgres" "$@"

#!/bin/bash
# Runs once, while the database is initialised: the app gets a role of its own that is no superuser and owns its database;
# the superuser loses its password, so that it signs in over the socket alone.
set -euo pipefail

: "${APP_USER:=kidney_user}"
# Through the environment and psql's quoting: the password stands in no command line.
export APP_USER
APP_PASSWORD="${POSTGRES_PASSWORD:-}"
if [ -z "$APP_PASSWORD" ]; then
  APP_PASSWORD="$(cat "${POSTGRES_PASSWORD_FILE:?POSTGRES_PASSWORD_FILE names the file with the password}")"
fi
export APP_PASSWORD

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname "${POSTGRES_DB:?}" <<'SQL'
\getenv app_user APP_USER
\getenv app_password APP_PASSWORD
-- A failing statement must not put the password into the server's log.
SET log_min_error_statement = panic;
CREATE ROLE :"app_user" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'app_password';
SELECT current_database() AS database \gset
ALTER DATABASE :"database" OWNER TO :"app_user";
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
ALTER ROLE postgres PASSWORD NULL;
SQL

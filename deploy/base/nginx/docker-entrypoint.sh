#!/bin/sh
# Before nginx starts, runs what /docker-entrypoint.d holds, in order: *.envsh are read into this shell so that they can
# set variables, *.sh are run. Any other command starts at once.
set -e

say() {
  [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "docker-entrypoint.sh: $*"
}

case "${1:-}" in
  nginx | nginx-debug)
    for script in /docker-entrypoint.d/*; do
      case "$script" in
        *.envsh | *.sh)
          if ! [ -x "$script" ]; then
            say "$script is not executable: left out"
          elif [ "${script%.envsh}" != "$script" ]; then
            say "reading $script"
            # shellcheck source=/dev/null
            . "$script"
          else
            say "running $script"
            "$script"
          fi
          ;;
      esac
    done
    ;;
esac

exec "$@"

#!/bin/sh
# Makes /etc/nginx/conf.d/x.conf of /etc/nginx/templates/x.conf.template, with the environment's variables filled in.
# nginx's own $variables stay: only names that are in the environment are replaced.
set -e

templates="${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}"
suffix="${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}"
output="${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}"

[ -d "$templates" ] || exit 0
if ! [ -w "$output" ]; then
  echo "20-envsubst-on-templates.sh: $templates is there but $output cannot be written" >&2
  exit 0
fi

filter="${NGINX_ENVSUBST_FILTER:-}"
# The single quotes are meant: envsubst wants the names with their dollar signs.
# shellcheck disable=SC2016
names="$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E "${filter:-.}" | sed 's/.*/${&}/' | tr '\n' ' ')"
find "$templates" -follow -type f -name "*$suffix" | while read -r template; do
  relative="${template#"$templates"/}"
  target="$output/${relative%"$suffix"}"
  mkdir -p "$(dirname "$target")"
  envsubst "$names" <"$template" >"$target"
done

#!/bin/sh
# The host's credentials for its mirror, where it needs some; customize-clean.sh takes them out again.
set -eu
for path in /etc/apt/auth.conf /etc/apt/auth.conf.d; do
  if [ -e "$path" ]; then
    mkdir -p "$1/etc/apt"
    cp -R "$path" "$1/etc/apt/"
  fi
done

#!/bin/sh
# Nothing of the host stays in the image: not its mirror, its proxy, its credentials or its name.
set -eu
rm -rf "$1/etc/apt/auth.conf" "$1/etc/apt/auth.conf.d/"* "$1/etc/apt/apt.conf.d/99mmdebstrap" \
  "$1/etc/apt/sources.list" "$1/etc/apt/sources.list.d/"* "$1/etc/resolv.conf" "$1/etc/hostname"

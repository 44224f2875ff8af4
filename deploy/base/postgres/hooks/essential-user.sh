#!/bin/sh
# Before the packages: their scripts take the user they find, and it has to have the official image's uid. No cluster is
# to be made, as the container's first start makes one.
set -eu
echo 'postgres:x:999:' >>"$1/etc/group"
echo 'postgres:x:999:999::/var/lib/postgresql:/bin/bash' >>"$1/etc/passwd"
echo 'postgres:!::0:::::' >>"$1/etc/shadow"
mkdir -p "$1/etc/postgresql-common"
echo 'create_main_cluster = false' >"$1/etc/postgresql-common/createcluster.conf"

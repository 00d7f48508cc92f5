#!/usr/bin/env bash
# Ends what up.sh started in DIR, and nothing else: tests/erp/down.sh DIR
#
# What it keeps in DIR starts again with `up.sh DIR`; remove the folder to be rid of it.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
[ -d "$1" ] || exit 0
dir=$(cd "$1" && pwd)

# Ends the process of a file by its id, where it is still the one that was started in this folder.
end() {
  local file=$1 signal=$2 id
  [ -f "$file" ] || return 0
  id=$(head -n 1 "$file")
  tr '\0' ' ' <"/proc/$id/cmdline" 2>/dev/null | grep -qF "$dir" || return 0
  kill "-$signal" "$id" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$id" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "error: process $id does not end" >&2
  return 1
}

end "$dir/tryton.pid" TERM
rm -f "$dir/tryton.pid" "$dir/url"
# PostgreSQL ends its sessions and stops.
end "$dir/pg/data/postmaster.pid" INT

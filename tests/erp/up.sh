#!/usr/bin/env bash
# Starts a Tryton of our own with PostgreSQL, and seeds it: tests/erp/up.sh DIR [PORT]
#
# DIR holds all of it, and `down.sh DIR` ends it. Where it runs already, nothing is done. It listens on loopback: Tryton on PORT
# or a free one, PostgreSQL on a socket in DIR only. DIR/connection.json says how to reach it, which is what FERRY_TRYTON names.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=${2:-0}
venv=${FERRY_ERP_VENV:-$dir/venv}
database=erp

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# A program of PostgreSQL: Debian keeps those of the server out of PATH.
postgres_program() {
  local found
  found=$(find /usr/lib/postgresql/*/bin -name "$1" 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(command -v "$1") || fail "there is no \`$1\`: apt-get install postgresql"
  printf '%s' "$found"
}

# PostgreSQL refuses root, and needs another user who may write in its folder.
as_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    setpriv --reuid="$owner" --regid="$group" --clear-groups -- "$@"
  else
    "$@"
  fi
}

is_alive() {
  [ -f "$1" ] && kill -0 "$(head -n 1 "$1")" 2>/dev/null
}

answers() {
  curl --silent --output /dev/null --max-time 2 "$1"
}

if is_alive "$dir/tryton.pid" && answers "$(cat "$dir/url")"; then
  echo "Tryton runs already at $(cat "$dir/url")"
  exit 0
fi
# Its full path has at most 107 bytes.
[ "${#dir}" -le 80 ] || fail "the path of a socket is short, and \`$dir\` is not; choose another folder"

if ! "$venv/bin/python" -c 'import trytond, proteus' 2>/dev/null; then
  python3 -m venv "$venv" || fail "there is no venv for Python: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
fi

owner=postgres
getent passwd "$owner" >/dev/null || owner=nobody
group=$(id -gn "$owner")
mkdir -p "$dir/pg"
chmod 755 "$dir"
if [ "$(id -u)" -eq 0 ]; then chown "$owner" "$dir/pg"; fi
initdb=$(postgres_program initdb)
pg_ctl=$(postgres_program pg_ctl)
if [ ! -f "$dir/pg/data/PG_VERSION" ]; then
  (cd "$dir/pg" && as_owner "$initdb" --username=ferry --auth=trust --encoding=UTF8 --no-locale --no-sync -D "$dir/pg/data") >/dev/null
fi
if ! is_alive "$dir/pg/data/postmaster.pid"; then
  # What is lost with the machine is made anew, so nothing waits for a disk.
  options="-k $dir/pg -c listen_addresses= -c fsync=off -c full_page_writes=off"
  (cd "$dir/pg" && as_owner "$pg_ctl" start --wait -D "$dir/pg/data" -o "$options" -l "$dir/pg/log") >/dev/null
fi

export PGHOST="$dir/pg" PGUSER=ferry
export TRYTONPASSFILE="$dir/password"
if [ "$port" -eq 0 ]; then
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
fi
url="http://127.0.0.1:$port"
printf '[database]\nuri = postgresql://\n\n[web]\nlisten = 127.0.0.1:%s\n' "$port" >"$dir/tryton.conf"

# Whatever ended a seed before its end, the next one begins anew.
if [ ! -f "$dir/connection.json" ]; then
  head -c 24 /dev/urandom | base64 >"$TRYTONPASSFILE"
  "$(postgres_program dropdb)" --if-exists "$database"
  "$(postgres_program createdb)" "$database"
  "$venv/bin/trytond-admin" -c "$dir/tryton.conf" -d "$database" --all --email erp@example.org -l en >"$dir/admin.log" 2>&1 ||
    { tail -n 20 "$dir/admin.log" >&2; fail "Tryton makes no database"; }
  "$venv/bin/trytond-admin" -c "$dir/tryton.conf" -d "$database" -u account_statement --activate-dependencies -l en \
    >>"$dir/admin.log" 2>&1 || { tail -n 20 "$dir/admin.log" >&2; fail "Tryton takes no modules"; }
  "$venv/bin/python" "$here/seed.py" "$dir/tryton.conf" "$database" >"$dir/seed.json"
fi

"$venv/bin/trytond" -c "$dir/tryton.conf" -d "$database" >"$dir/tryton.log" 2>&1 &
echo $! >"$dir/tryton.pid"
for _ in $(seq 240); do
  answers "$url/" && break
  is_alive "$dir/tryton.pid" || { tail -n 20 "$dir/tryton.log" >&2; fail "Tryton has ended"; }
  sleep 0.25
done
answers "$url/" || fail "Tryton does not answer at $url; see $dir/tryton.log"
printf '%s\n' "$url" >"$dir/url"
"$venv/bin/python" - "$dir" "$url" <<'PYTHON'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
seeded = json.loads((folder / "seed.json").read_text())
(folder / "connection.json").write_text(json.dumps({"url": sys.argv[2], **seeded}, indent=2) + "\n")
PYTHON
echo "Tryton answers at $url in $SECONDS s; see $dir/connection.json"

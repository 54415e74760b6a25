#!/bin/sh
# A throw-away PostgreSQL for tests.
#   tests/postgres.sh start DIR   makes a cluster in DIR, starts it on a free port, prints its URL
#   tests/postgres.sh stop DIR    stops it and removes DIR
# Run as root it becomes the user postgres, since PostgreSQL refuses root.
set -eu

fail() { echo "postgres.sh: $*" >&2; exit 1; }
[ $# -eq 2 ] || fail "usage: postgres.sh start|stop DIR"
action=$1
dir=$2

bin=${PERDURE_POSTGRES_BIN:-}
if [ -z "$bin" ]; then
  if command -v pg_ctl >/dev/null 2>&1; then bin=$(dirname "$(command -v pg_ctl)")
  else
    for candidate in /usr/lib/postgresql/*/bin; do [ -x "$candidate/pg_ctl" ] && bin=$candidate; done
  fi
fi
[ -n "$bin" ] || fail "no pg_ctl found; set PERDURE_POSTGRES_BIN"

as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# The kernel gives a port nobody uses; taking it again right away is safe enough for a test.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

case $action in
  start)
    [ ! -e "$dir/data" ] || fail "$dir holds a cluster already"
    mkdir -p "$dir"
    [ "$(id -u)" -ne 0 ] || chown postgres "$dir"
    as_postgres "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
      >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; fail "initdb failed"; }
    port=$(free_port)
    as_postgres "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 ${PERDURE_POSTGRES_OPTIONS:-}" \
      start >/dev/null || { cat "$dir/data/server.log" >&2; fail "start failed"; }
    echo "postgresql://postgres@127.0.0.1:$port/postgres"
    ;;
  stop)
    [ ! -d "$dir/data" ] || as_postgres "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null || true
    rm -rf "$dir"
    ;;
  *) fail "unknown action $action" ;;
esac

#!/usr/bin/env bash
# Measures keyval beside Deno KV, on this machine and in one run, with wrk, and
# prints a table in Markdown. SECONDS_EACH=10 CLIENTS=64
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/common.sh
. bench/common.sh
SECONDS_EACH=${SECONDS_EACH:-10} CLIENTS=${CLIENTS:-64}

DENO=.tools/node_modules/@deno/linux-x64-glibc/deno
[ -x "$DENO" ] || npm install --silent --no-audit --no-fund --prefix .tools deno@2.9.6 >/dev/null

# rate URL KIND: requests a second, or cycles of three, and the 99th percentile of
# the requests.
rate() {
  local each=1
  [ "$2" = cycle ] && each=3
  wrk -t2 -c"$CLIENTS" -d"${SECONDS_EACH}s" --latency -s bench/wrk.lua "$1" -- "$2" >"$dir/wrk"
  if [ "$2" != get ] && grep -q 'Non-2xx' "$dir/wrk"; then
    grep 'Non-2xx' "$dir/wrk" >&2
  fi
  awk -v each=$each '/^ *99%/ { p99 = $2 } /^Requests\/sec/ { printf "%.0f/s (p99 %s)", $2 / each, p99 }' "$dir/wrk"
}

# row NAME URL KIND...: fills the store, then one cell for each kind.
row() {
  local name=$1 url=$2 cells=""
  shift 2
  for kind in put get sum cycle; do
    case " $* " in
      *" $kind "*) cells="$cells | $(rate "$url" $kind)" ;;
      *) cells="$cells | " ;;
    esac
  done
  echo "| $name$cells |"
}

# node NAME FLAGS...: measures one node.
node() {
  start 127.0.0.1:18500 "${@:2}"
  row "$1" http://127.0.0.1:18500 put get sum cycle
  stop
}

echo "$(nproc) cores, $CLIENTS clients, $SECONDS_EACH s each; clients and servers share the machine"
echo
echo "| | PUT | GET | sum of one key | enqueue, dequeue, ack |"
echo "|---|---|---|---|---|"

"$DENO" run -A --unstable-kv bench/deno.ts 18501 "$dir/deno.db" >"$dir/deno.log" 2>&1 &
deno=$!
up http://127.0.0.1:18501/keys/x
row "Deno KV behind Deno.serve" http://127.0.0.1:18501 put get
kill $deno

node "keyval, embedded" --libsql-url "file:$dir/keyval.db"

servers 18502
node "keyval, sqld primary and replica" --libsql-url http://127.0.0.1:18502 --libsql-replica-url http://127.0.0.1:18504

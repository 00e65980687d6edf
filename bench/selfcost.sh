#!/usr/bin/env bash
# Measures what the harness itself costs: wrk and the harness load a server that does
# nothing, in turns, each client alone on one core and the server alone on another.
# Prints both rates and their ratio. SECONDS_EACH=5 ROUNDS=3 CLIENTS=64
#
# bench/selfcost.sh [COMMAND...]: a client other than bench/selfcost, which prints a line
# "Requests/sec: RATE"; URL, CLIENTS and SECONDS_EACH are in its environment.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/common.sh
. bench/common.sh
export SECONDS_EACH=${SECONDS_EACH:-5} CLIENTS=${CLIENTS:-64} URL=http://127.0.0.1:18520
ROUNDS=${ROUNDS:-3}

CGO_ENABLED=0 go build -o "$dir/selfcost" ./bench/selfcost
[ $# -gt 0 ] || set -- "$dir/selfcost" load "$URL" "$CLIENTS" "$SECONDS_EACH"

GOMAXPROCS=1 taskset -c 0 "$dir/selfcost" serve "${URL#http://}" >"$dir/server.log" 2>&1 &
up "$URL"

# client NAME COMMAND...: adds the rate and the processor time of each request to NAME's.
client() {
  local TIMEFORMAT='%U %S'
  { time GOMAXPROCS=1 taskset -c 1 "${@:2}" >"$dir/out"; } 2>"$dir/time"
  awk -v seconds="$SECONDS_EACH" '
    NR == FNR { if (/^Requests\/sec/) rate = $2; next }
    END { printf "%.2f %.3f\n", rate, ($1 + $2) * 1e6 / (rate * seconds) }' "$dir/out" "$dir/time" >>"$dir/$1"
}

wrk_client() { client wrk wrk -t1 "-c$CLIENTS" "-d${SECONDS_EACH}s" "$URL"; }
harness() { client harness "$@"; }

for _ in $(seq "$ROUNDS"); do
  wrk_client
  harness "$@"
  harness "$@"
  wrk_client
done

# mean NAME COLUMN
mean() { awk -v column="$2" '{ sum += $column } END { printf "%.3f", sum / NR }' "$dir/$1"; }

for each in wrk harness; do
  printf '%-8s %8.0f/s, %.1f µs of processor time each\n' "$each" "$(mean $each 1)" "$(mean $each 2)"
done
# On a core that other programs use, too, only the second ratio says anything.
awk -v h="$(mean harness 1)" -v w="$(mean wrk 1)" -v h_cpu="$(mean harness 2)" -v w_cpu="$(mean wrk 2)" 'BEGIN {
  printf "the harness has %.0f %% of the rate; as much processor time would do for %.0f %%\n", 100 * h / w, 100 * w_cpu / h_cpu
}'

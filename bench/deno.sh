#!/usr/bin/env bash
# Measures kv.set and kv.get of one Deno process, with 64 in flight, on a node with an embedded
# database and on Deno's own file, in turns, and prints the medians. ROUNDS=5 SECONDS_EACH=5
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/common.sh
. bench/common.sh
ROUNDS=${ROUNDS:-5} SECONDS_EACH=${SECONDS_EACH:-5}
ADDRESS=127.0.0.1:18620

# measure WHERE NAME: a round; appends "sets gets" a second to a file.
measure() {
  DENO_KV_ACCESS_TOKEN=any .tools/node_modules/@deno/linux-x64-glibc/deno run -A --unstable-kv bench/deno.mjs "$1" "$SECONDS_EACH" | tee -a "$dir/$2"
}

# median NAME COLUMN
median() { sort -n -k "$2,$2" "$dir/$1" | awk -v column="$2" '{ all[NR] = $column } END { print all[int((NR + 1) / 2)] }'; }

for round in $(seq "$ROUNDS"); do
  start $ADDRESS --libsql-url "file:$dir/keyval-$round.db"
  echo -n "keyval, round $round, sets and gets a second: "
  measure "http://$ADDRESS" keyval
  stop
  echo -n "Deno's file, round $round: "
  measure "$dir/deno-$round.db" file
done
for call in "1 kv.set" "2 kv.get"; do
  read -r column name <<<"$call"
  keyval=$(median keyval "$column") file=$(median file "$column")
  echo "$name: keyval $keyval/s, Deno's file $file/s, $(awk "BEGIN { printf \"%.2f\", $keyval / $file }") times"
done

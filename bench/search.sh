#!/usr/bin/env bash
# Measures filters and full-text search over 100,000 documents, embedded and on sqld, on this
# machine, and prints the figures. SECONDS_EACH=10 DOCUMENTS=100000
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/common.sh
. bench/common.sh
SECONDS_EACH=${SECONDS_EACH:-10} DOCUMENTS=${DOCUMENTS:-100000}

URL=http://127.0.0.1:18600

# rate CLIENTS KIND...: requests a second, and the 50th and 99th percentile.
rate() {
  local clients=$1
  shift
  wrk -t1 -c"$clients" -d"${SECONDS_EACH}s" --timeout 60s --latency -s bench/search.lua $URL -- "$@" >"$dir/wrk"
  if grep -q 'Non-2xx' "$dir/wrk" && [ "$1" != get ]; then
    grep 'Non-2xx' "$dir/wrk" >&2
  fi
  awk '/^ *50%/ { p50 = $2 } /^ *99%/ { p99 = $2 } /^Requests\/sec/ { printf "%.0f/s, p50 %s, p99 %s", $2, p50, p99 }' "$dir/wrk"
}

# load: the documents, 1,000 in each atomic operation, as search.lua makes them.
load() {
  awk -v documents="$DOCUMENTS" -v dir="$dir" 'BEGIN {
    srand(1)
    for (i = 0; i < documents; i++) {
      if (i % 1000 == 0) { file = dir "/load." i / 1000; printf "{\"mutations\":[" > file }
      text = ""
      for (w = 0; w < 15; w++) text = text " w" int(20000 ^ rand())
      printf "%s{\"type\":\"set\",\"key\":[\"docs\",%d],\"value\":{\"text\":\"%s\",\"n\":%d,\"author\":\"user %d\"}}", i % 1000 ? "," : "", i, substr(text, 2), i, i % 100 > file
      if (i % 1000 == 999 || i == documents - 1) { print "]}" > file; close(file) }
    }
  }'
  for file in "$dir"/load.*; do
    curl -fs -o /dev/null -X POST $URL/atomic --data-binary "@$file"
    rm "$file"
  done
}

now() { date +%s.%N; }

# build: seconds until the index over the documents is ready.
build() {
  local from
  from=$(now)
  curl -fs -o /dev/null $URL/indexes -d '{"prefix":["docs"],"fields":["text","author"]}'
  until curl -fs "$URL/indexes?consistency=strong" | grep -q '"prefix":\["docs"\][^}]*"state":"ready"'; do sleep 0.05; done
  echo "$from $(now)" | awk -v documents="$DOCUMENTS" '{ printf "%.2f s, %.0f documents/s\n", $2 - $1, documents / ($2 - $1) }'
}

# shellcheck disable=SC2016 # $lt is an operator, not a variable
NONE='{"prefix":["docs"],"where":{"n":{"$lt":0}}}'

# filter ROUTE: the seconds of ten requests with a filter that matches nothing, sorted.
filter() {
  for _ in $(seq 10); do
    curl -fs -o /dev/null -w '%{time_total}\n' "$URL/keys/$1" -d "$NONE"
  done | sort -n | tr '\n' ' '
}

measure() {
  echo "## $1"
  for turn in 1 2 3; do
    echo "PUT plain, 64 clients: $(rate 64 put plain)"
    [ $turn -gt 1 ] || curl -fs -o /dev/null $URL/indexes -d '{"prefix":["indexed"],"fields":["text","author"]}'
    echo "PUT indexed, 64 clients: $(rate 64 put indexed)"
  done
  curl -fs -o /dev/null -X DELETE "$URL/indexes?prefix=indexed"
  load
  echo "filter without matches, count: $(filter count)"
  echo "filter without matches, list: $(filter list)"
  for _ in 1 2 3; do
    echo "GET alone, 8 clients: $(rate 8 get docs)"
    (while curl -fs -o /dev/null $URL/keys/count -d "$NONE"; do :; done) &
    local filtering=$!
    echo "GET beside one filter after the other: $(rate 8 get docs)"
    kill $filtering
    wait $filtering 2>/dev/null || true
  done
  echo "building: $(build)"
  for query in w19999 w1000 w100 w10 w1 'w1500*' 'w15*' '%22w1+w2%22' 'w10+w20'; do
    for clients in 1 8; do
      echo "search $query, $clients at once: $(rate $clients search docs "$query")"
    done
  done
}

# node NAME FLAGS...: measures one node.
node() {
  start 127.0.0.1:18600 "${@:2}"
  measure "$1"
  stop
}

echo "$(nproc) cores, $SECONDS_EACH s each, $DOCUMENTS documents; clients and servers share the machine"

node "embedded" --libsql-url "file:$dir/keyval.db"

servers 18602
node "sqld primary and replica" --libsql-url http://127.0.0.1:18602 --libsql-replica-url http://127.0.0.1:18604

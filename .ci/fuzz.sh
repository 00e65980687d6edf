#!/bin/sh
# Runs every fuzz target for FUZZTIME, one after the other: go test fuzzes only
# one target at a time. What it finds it leaves in testdata/fuzz, to be committed.
set -eu

for package in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "$package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" "$package"
	done
done

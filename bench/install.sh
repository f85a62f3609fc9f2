#!/bin/sh
# Installs the peers of the benchmarks from Debian and stops what their packages
# started. It does nothing when all of them are there.
set -eu

missing=
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
PATH="$PATH:/usr/sbin:/sbin"
need nginx nginx-light
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing="$missing libnginx-mod-stream"
[ -e /usr/lib/nginx/modules/ngx_http_modsecurity_module.so ] || missing="$missing libnginx-mod-http-modsecurity"
need haproxy haproxy
need caddy caddy
need wrk wrk
need h2load nghttp2-client
need python3 python3
need mariadb-install-db mariadb-server
need slowhttptest slowhttptest
need apache2 apache2-bin
need taskset util-linux
need clang clang
need softflowd softflowd
need ndpiReader libndpi-bin
need fail2ban-regex fail2ban
need ethtool ethtool
need iptables iptables
[ -f /usr/include/bpf/bpf_helpers.h ] || missing="$missing libbpf-dev linux-libc-dev"
/usr/bin/python3 -c 'import sklearn' 2>/dev/null || missing="$missing python3-sklearn"
crowdsec=/opt/haechi-bench/crowdsec
[ -x "$crowdsec/usr/bin/crowdsec" ] || missing="$missing crowdsec"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
	echo "bench: run as root to install:$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive

# A package must not start its server: the policy file says so while we install.
policy=/usr/sbin/policy-rc.d
own=
if [ ! -e "$policy" ]; then
	own=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
# CrowdSec is unpacked only: its package registers the machine with a service of its makers.
case "$missing" in
*crowdsec*)
	missing=${missing% crowdsec}
	unpack=$(mktemp -d)
	chmod 755 "$unpack"
	(cd "$unpack" && apt-get download -qq crowdsec && mkdir -p "$crowdsec" && dpkg-deb -x crowdsec_*.deb "$crowdsec")
	rm -rf "$unpack"
	;;
esac
# shellcheck disable=SC2086
[ -z "$missing" ] || apt-get install -y -qq --no-install-recommends $missing
for service in nginx haproxy caddy mariadb softflowd fail2ban; do
	case "$missing" in
	*"$service"*) [ -d /run/systemd/system ] && systemctl disable --now "$service" >/dev/null 2>&1 || true ;;
	esac
done
[ -z "$own" ] || rm -f "$policy"

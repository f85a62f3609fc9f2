#!/usr/bin/env bash
# Installs the Debian packages that the tests need, where they are missing: a C
# compiler for the race detector, a browser for the console's tests, the engines that the
# device clients run in, and the servers that tests start on private ports. Without root (or sudo) it says what is missing;
# the tests then skip, and say so.
set -euo pipefail
missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v chromium-headless-shell >/dev/null || missing+=(chromium-headless-shell)
command -v sqlite3 >/dev/null || missing+=(sqlite3)
command -v mariadb-install-db >/dev/null || missing+=(mariadb-server)
[ -x /usr/sbin/haproxy ] || missing+=(haproxy)
command -v ip >/dev/null || missing+=(iproute2)
command -v nft >/dev/null || missing+=(nftables)
{ command -v clang && command -v llvm-strip && [ -f /usr/include/bpf/bpf_helpers.h ]; } >/dev/null || missing+=(clang llvm libbpf-dev linux-libc-dev)
command -v testssl >/dev/null || missing+=(testssl.sh)
command -v rhino >/dev/null || missing+=(rhino default-jre-headless)
command -v nmap >/dev/null || missing+=(nmap)
command -v slowhttptest >/dev/null || missing+=(slowhttptest)
[ -x /usr/sbin/apache2 ] || missing+=(apache2-bin)
command -v hydra >/dev/null || missing+=(hydra)
command -v hping3 >/dev/null || [ -x /usr/sbin/hping3 ] || missing+=(hping3)
[ -x /usr/sbin/krb5kdc ] || missing+=(krb5-kdc)
[ -x /usr/sbin/kadmin.local ] || missing+=(krb5-admin-server)
command -v kvno >/dev/null || missing+=(krb5-user)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
command -v ssh >/dev/null || missing+=(openssh-client)
command -v python3 >/dev/null || missing+=(python3)
command -v fail2ban-client >/dev/null || missing+=(fail2ban)
[ -x /usr/sbin/softflowd ] || missing+=(softflowd)
[ -x /lib/systemd/systemd ] || missing+=(systemd)
[ -x /usr/sbin/pmacctd ] || missing+=(pmacct)
[ ${#missing[@]} -eq 0 ] && exit 0
sudo=""
if [ "$(id -u)" != 0 ]; then
	sudo="$(command -v sudo || true)"
	if [ -z "$sudo" ]; then
		echo "not root, so these packages were not installed: ${missing[*]}" >&2
		exit 0
	fi
fi
command -v apt-get >/dev/null || { echo "no apt-get here; install by hand: ${missing[*]}" >&2; exit 0; }
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A package must not start its server: the policy file says so while we install.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 755 "$policy"
	trap '$sudo rm -f "$policy"' EXIT
fi
$sudo apt-get update -qq
# Where there is no Chromium without a screen, the one with a screen does as well, slower.
apt-cache show chromium-headless-shell >/dev/null 2>&1 || missing=("${missing[@]/#chromium-headless-shell/chromium}")
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

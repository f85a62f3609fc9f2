#!/bin/sh
# Compiles the program into the object that is embedded: build.sh [OUTPUT]. Needs clang 14,
# libbpf-dev and linux-libc-dev of Debian 12.
set -eu
out=$(realpath "${1:-$(dirname "$0")/shield.o}")
cd "$(dirname "$0")"
clang -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-sign-compare -Werror \
	-fdebug-compilation-dir=. -I"/usr/include/$(uname -m)-linux-gnu" -c shield.c -o "$out"
llvm-strip -g "$out"

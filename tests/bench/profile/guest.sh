#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: what its functions are called, for the profiler; then as `./dev bench` measures.
# Usage: guest.sh FILESYSTEM ARGUMENTS-OF-daxbench-fs
set -eu
modprobe "$1"
echo 0 >/proc/sys/kernel/kptr_restrict
cat /proc/kallsyms >"/share/$1.symbols"
exec /share2/guest.sh "$@"

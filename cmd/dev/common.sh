# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What every verb of ./dev shares: where things are, one line a step with its time, and details in build/logs.

# shellcheck disable=SC2034  # the sourcing files read these
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/build
KERNELS=$BUILD/kernels
LOGS=$BUILD/logs
JOBS=$(nproc)
KERNEL_SERIES=(6.12 6.1)

die() {
    printf 'dev: %s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        die "root is needed for '$*', and there is no sudo"
    fi
}

# step NAME FUNCTION [ARGUMENT...]: runs it with its output in build/logs/NAME.log; one line says how it went and how long
# it took. A process of its own, because bash ignores errexit in everything below an `||`, and callers use that.
step() {
    local name=$1 log status=0 start=$SECONDS
    shift
    log=$(step_log "$name")
    mkdir -p "$LOGS"
    printf '%-28s ' "$name"
    bash "$ROOT/dev" _step "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" = 0 ]; then
        printf 'ok      %4d s\n' $((SECONDS - start))
    else
        printf 'FAILED  %4d s  (%s)\n' $((SECONDS - start)) "${log#"$ROOT"/}"
        tail -n 25 "$log" | sed 's/^/    /'
    fi
    return "$status"
}

step_log() {
    echo "$LOGS/$(tr -cs 'A-Za-z0-9.\n' - <<<"$1").log"
}

# Compiled objects are shared between checkouts of the project, wherever they lie; those of the module too, which Debian's
# kernel headers have a switch for.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros DEBIAN_KERNEL_USE_CCACHE=y

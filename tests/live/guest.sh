#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: runs the tests named on the command line, each on a new filesystem and with a time limit. After each the
# filesystem must be clean and the kernel must have reported nothing. Says "run NAME", then "ok NAME" or
# "not ok NAME: why", with the test's output behind "# " when it failed.
# shellcheck source=tests/live/lib.sh
. /tests/lib.sh
export SLOW="${SLOW:-1}"

# directive FILE KEY: values of the "# KEY: value" lines at its head
directive() {
    sed -n "1,20s/^# $2: //p" "$1"
}

# The module with delay points for tests that ask for it ("# module: points"), the usual one for all others. A kernel
# whose only module has them keeps it.
choose_module() { # WANTED
    [ -e /tests/points/daxfs.ko ] || return 0
    if [ "$1" = points ] && [ ! -d /sys/kernel/debug/daxfs ]; then
        rmmod daxfs && insmod /tests/points/daxfs.ko
    elif [ "$1" != points ] && [ -d /sys/kernel/debug/daxfs ]; then
        rmmod daxfs && modprobe daxfs
    fi
}

run_limited() { # FILE
    limit=$(directive "$1" time)
    timeout -k 5 $((${limit:-60} * SLOW)) sh -eu -c ". /tests/lib.sh; . $1" >/tmp/test.out 2>&1 </dev/null
}

why_failed() { # STATUS
    case $1 in
    143 | 137 | 124) echo "time limit" ;;
    *) echo "$(grep '^FAIL: ' /tmp/test.out | head -n 1 | sed 's/^FAIL: //') (exit $1)" ;;
    esac
}

kernel_reports() {
    dmesg | grep -E 'WARNING: |BUG: |Oops: |UBSAN: |KASAN: |general protection|blocked for more than' | head -n 3
}

# Says why the test failed; nothing when it passed.
run_test() { # FILE
    own_fs=$(directive "$1" fs)
    if ! choose_module "$(directive "$1" module)" >/tmp/test.out 2>&1; then
        echo "the module cannot be loaded"
        return
    fi
    if [ "$own_fs" != none ] && ! mkfs.daxfs -q -f "$PMEM" >/tmp/test.out 2>&1; then
        echo "mkfs.daxfs failed"
        return
    fi
    dmesg -c >/dev/null
    run_limited "$1"
    status=$?
    cd /
    while grep -q "^$PMEM " /proc/mounts; do
        umount "$MNT" 2>/dev/null || umount -l "$MNT" || break
    done
    if [ $status != 0 ]; then
        why_failed $status
    elif [ -n "$(kernel_reports)" ]; then
        echo "the kernel reported: $(kernel_reports | head -n 1)"
    elif [ "$own_fs" != none ] && ! fsck.daxfs -n "$PMEM" >/tmp/test.out 2>&1; then
        echo "fsck.daxfs -n is not clean afterwards"
    fi
}

for name in "$@"; do
    echo "run $name"
    why=$(run_test "/tests/$name.sh")
    if [ -z "$why" ]; then
        echo "ok $name"
    else
        echo "not ok $name: $why"
        tail -n 30 /tmp/test.out | sed 's/^/# /'
        dmesg | tail -n 15 | sed 's/^/# dmesg: /'
    fi
done

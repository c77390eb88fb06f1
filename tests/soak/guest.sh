#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest, on the debug kernel: one round of the soak. Tests of the guest suite, the mixer without and with failing
# allocations, then a scan for leaks. Says "soak: ..." for what is counted, and what the suite says.
#   guest.sh SEED SECONDS TEST...
# shellcheck source=tests/live/lib.sh
. /tests/lib.sh
seed=$1
seconds=$2
shift 2
debug=/sys/kernel/debug

# Only allocations with our module on the stack, of tasks that asked for it (the mixer's).
inject() { # FAULT PROBABILITY
    text=$(cat /sys/module/daxfs/sections/.text)
    size=$(awk '$1 == "daxfs" { print $2 }' /proc/modules)
    echo Y >"$debug/$1/task-filter"
    echo 0 >"$debug/$1/verbose"
    echo -1 >"$debug/$1/times"
    echo 1 >"$debug/$1/interval"
    echo N >"$debug/$1/ignore-gfp-wait"
    echo 32 >"$debug/$1/stacktrace-depth"
    echo "$text" >"$debug/$1/require-start"
    printf '0x%x\n' $((text + size)) >"$debug/$1/require-end"
    echo "$2" >"$debug/$1/probability"
}

mix() { # WHAT OPTION...
    what=$1
    shift
    rm -f "$MNT/file"
    if /tests/bin/mixer "$MNT/file" --seed "$seed" --rounds 40 --seconds "$seconds" --log /tmp/ops "$@" >/tmp/mix.out 2>&1; then
        echo "soak: $what: $(grep '^mixer: ' /tmp/mix.out | sed 's/^mixer: //')"
    else
        echo "soak: $what FAILED: $(tr '\n' ' ' </tmp/mix.out)"
        sed 's/^/soak: ops: /' /tmp/ops
    fi
}

unmount_clean() { # WHAT
    umount "$MNT" || echo "soak: $1 FAILED: umount"
    fsck.daxfs -n "$PMEM" >/tmp/fsck.out 2>&1 || echo "soak: $1 FAILED: fsck: $(head -n 5 /tmp/fsck.out | tr '\n' ' ')"
}

echo clear >"$debug/kmemleak" 2>/dev/null
[ $# = 0 ] || SLOW=10 sh /tests/guest.sh "$@"

mkfs.daxfs -q -f "$PMEM"
mount_fs
mix "mixer alone"
mix "mixer together" --threads 3
mix "mixer apart" --threads 3 --disjoint
inject failslab 5
inject fail_page_alloc 5
mix "mixer alone, allocations failing" --inject
mix "mixer apart, allocations failing" --inject --threads 2 --disjoint
echo 0 >"$debug/failslab/probability"
echo 0 >"$debug/fail_page_alloc/probability"
unmount_clean "after the mixer"

# A leak is believed on the second scan: the first may see pointers that are on their way.
for _ in 1 2; do
    sleep 1
    echo scan >"$debug/kmemleak"
done
sed 's/^/kmemleak: /' "$debug/kmemleak" >/dev/kmsg
cat "$debug/kmemleak" >/tmp/leaks
echo "soak: leaks: $(grep -c '^unreferenced' /tmp/leaks || true)"
rmmod daxfs || echo "soak: rmmod FAILED"
dmesg | sed 's/^/console: /'
echo "soak: end"

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# The driver is unbound under a load, at different moments: readers and writers get EIO, mappers SIGBUS, unmounting
# works, and when the device is back the filesystem is clean. Whoever was mid-way in a transaction when the device went
# finished it; who was not never began.
# shellcheck source=tests/live/device/lib
. /tests/device/lib

for round in 1 2 3 4 5 6 7 8; do
    mount_fs
    /tests/bin/removal "$MNT" $((round * 7919)) >/tmp/load.out 2>&1 &
    load=$!
    for _ in $(seq 200); do
        ! grep -q working /tmp/load.out || break
        sleep 0.05
    done
    # From at once to when files are large and maps are trees.
    sleep 0.$((round * 13 % 10))$((round * 7 % 10))
    echo "$DEVICE" >$DRIVER/unbind
    wait $load || {
        cat /tmp/load.out
        fail "round $round: the load did not end as it should"
    }
    expect_fail cat "$MNT"/read >/dev/null 2>&1
    expect_fail touch "$MNT"/new 2>/dev/null
    umount "$MNT"
    bind
    fsck.daxfs -p "$PMEM" >/tmp/fsck.out 2>&1 || [ $? = 1 ] || {
        cat /tmp/fsck.out
        fail "round $round: fsck.daxfs -p"
    }
    mount_fs
    cmp -n 4096 "$MNT"/read "$MNT"/pipe
    rm -rf "${MNT:?}"/*
    unmount_check
done

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What a test in the guest can rely on. A test is tests/live/SUBJECT/NAME.sh, run by guest.sh with this file read and
# errexit on: it passes when it ends with status 0. Lines of its head that the runner reads:
#   # time: SECONDS      limit, 60 without it
#   # tool: PROGRAM      a program of the host that it needs, such as mkfs.ext4
#   # module: points    the module with delay points (kernel/points.h)
#   # fs: none           it brings its own filesystem: no mkfs before it, no fsck after it
# shellcheck disable=SC2034
PMEM=/dev/pmem0
MNT=/mnt
TRACING=/sys/kernel/tracing

# How often something is repeated: less on a kernel that is slow (SLOW times).
count() { # TIMES
    echo $((($1 + ${SLOW:-1} - 1) / ${SLOW:-1}))
}

fail() {
    echo "FAIL: $*"
    exit 1
}

# expect_eq GOT WANTED WHAT
expect_eq() {
    [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"
}

# expect_fail COMMAND...: it must fail
expect_fail() {
    if "$@"; then
        fail "succeeded: $*"
    fi
}

# mount_fs [OPTIONS]: the filesystem that the runner made
mount_fs() {
    mount -t daxfs -o "${1:-dax=always}" "$PMEM" "$MNT"
}

# mkfs_mount [MKFS-OPTION...]: a new filesystem, mounted
mkfs_mount() {
    mkfs.daxfs -q -f "$@" "$PMEM"
    mount_fs
}

# Free space holds bytes of 0xdd afterwards, which must not come to light.
spoil() {
    tr '\0' '\335' </dev/zero | dd of="$MNT/stale" bs=64k 2>/dev/null || true
    [ "$(stat -c %s "$MNT/stale")" -gt 20000000 ] || fail "the device was not filled"
    rm "$MNT/stale"
}

fsck_clean() {
    fsck.daxfs -n "$PMEM" >/tmp/fsck.out 2>&1 || {
        cat /tmp/fsck.out
        fail "fsck.daxfs -n is not clean"
    }
}

# Unmounts, and the filesystem must be clean.
unmount_check() {
    umount "$MNT"
    fsck_clean
}

remount() {
    umount "$MNT"
    mount_fs "$@"
}

# await_parked POINT PID: until a task waits at the delay point, by its file; PID is whose, and lives
await_parked() {
    for _ in $(seq 200); do
        ! grep -q 'parked 1' "$1" || return 0
        kill -0 "$2" 2>/dev/null || fail "it ended without coming to the point: $(cat "$1")"
        sleep 0.1
    done
    fail "nobody came to the point: $(cat "$1")"
}

# parked_at POINT COMMAND...: in the background; waits where it first comes by the point, by its file
parked_at() {
    # shellcheck disable=SC2016 # of the inner shell
    exec sh -c 'echo "park $$" >"$0" && exec "$@"' "$@"
}

# dm_device FILE: /dev/dm-0 by the table in the file, in the place of the one before; it is gone at the end of the test
dm_device() {
    trap 'umount_if_mounted; dm_remove' EXIT
    dm_remove
    dmsetup create --noudevsync test "$1"
}
dm_remove() { ! dmsetup info test >/dev/null 2>&1 || dmsetup remove --noudevsync test; }
umount_if_mounted() { ! grep -q " $MNT " /proc/mounts || umount "$MNT"; }

# faults ORDER COMMAND...: how many faults of an order were answered by mapping; they stay in $TRACING/trace
faults() {
    order=$1
    shift
    grep -q " $TRACING " /proc/mounts || mount -t tracefs tracefs $TRACING
    : >$TRACING/trace
    echo 1 >$TRACING/events/daxfs/daxfs_fault/enable
    "$@" >/dev/null
    echo 0 >$TRACING/events/daxfs/daxfs_fault/enable
    grep "daxfs_fault: .* order $order " $TRACING/trace | grep -vc "result 0x800 " || true
}

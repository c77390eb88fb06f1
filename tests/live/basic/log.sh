# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Every line of the module in the kernel's log begins with "daxfs (DEVICE): ".
device=${PMEM#/dev/}

# said WORDS COMMAND...: the command makes the module log these words; whatever is logged meanwhile has the prefix. What
# other parts of the kernel say in their own time is left out.
said() {
    words=$1
    shift
    before=$(dmesg | wc -l)
    "$@"
    dmesg | tail -n +$((before + 1)) | sed -E 's/^\[ *[0-9.]*\] //
        /^(clocksource|hrtimer|random|sched|rcu|perf|workqueue): /d' >/tmp/said
    grep -qF "daxfs ($device): $words" /tmp/said || fail "$*: not said: $words"
    if grep -vF "daxfs ($device): " /tmp/said; then
        fail "$*: a line without the device"
    fi
}

said "unknown mount option 'never-heard-of'" expect_fail mount_fs never-heard-of
said "Bad value for 'dax'" expect_fail mount_fs dax=sometimes
said "Bad value for 'errors'" expect_fail mount_fs errors=ignore
said "norecovery needs ro" expect_fail mount_fs norecovery
said "mounted" mount_fs
said "dax= cannot be changed by a remount" expect_fail mount -o remount,dax=never "$MNT"
said "norecovery cannot be changed by a remount" expect_fail mount -o remount,ro,norecovery "$MNT"
said "unknown mount option 'never-heard-of'" expect_fail mount -o remount,never-heard-of "$MNT"
said "unmounted" umount "$MNT"
mount_fs ro,norecovery
said "mounted with norecovery" expect_fail mount -o remount,rw "$MNT"
umount "$MNT"
mount_fs
said "shut down" /tests/bin/shutdown "$MNT"
umount "$MNT"
dd if=/dev/zero of="$PMEM" bs=4k count=1 conv=fsync 2>/dev/null
said "no daxfs filesystem here" expect_fail mount_fs
mkfs.daxfs -q -f "$PMEM"

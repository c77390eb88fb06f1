# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 240
# A mount with ro of a filesystem with damaged maps or heads of groups shows the files, and writes nothing.
# Heads, journals and inodes of the first group.
sum() { dd if="$PMEM" bs=1M count=4 2>/dev/null | md5sum; }

new() {
    mkfs.daxfs -q -f --ag-size 16M "$PMEM" 64M
    mount_fs
    mkdir "$MNT/dir"
    for i in 1 2 3 4 5; do
        echo "text $i" >"$MNT/dir/$i"
        dd if=/dev/zero of="$MNT/dir/large-$i" bs=1M count=4 2>/dev/null
    done
    umount "$MNT"
}

readable() { # WHAT
    before=$(sum)
    mount_fs ro
    expect_eq "$(cat "$MNT"/dir/? | wc -l)" 5 "$1: files"
    expect_eq "$(cat "$MNT"/dir/large-? | wc -c)" $((20 << 20)) "$1: bytes"
    umount "$MNT"
    expect_eq "$(sum)" "$before" "$1: the device"
}

new
for what in "group 0" "group 1" "map blocks 0" "map inodes 0" "map orphans 0" "map inodes 1"; do
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" $what
    readable "$what"
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" $what
done
mount_fs
unmount_check

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Space is kept for files that grow, taken from them when there is no other, and never lost; a full device still frees
# space; large writes live with small holes.
stats=/sys/fs/daxfs/pmem0

# Blocks that are free or hold inodes, times eight: blocks of inodes stay when the files go.
room() {
    stat -f -c %c "$MNT"
}

# promise NAME: in a directory of its own; afterwards there is as much room as before
promise() {
    mkdir -p "$MNT/$1"
    for round in 1 2; do
        before=$(room)
        /tests/bin/space "$1" "$MNT/$1" $stats || fail "$1, round $round"
        find "$MNT/$1" -type f -exec rm {} +
        expect_eq "$(cat $stats/kept_blocks)" 0 "blocks kept when there are no files, $1"
    done
    after=$(room)
    expect_eq "$after" "$before" "room after $1"
    umount "$MNT"
    fsck_clean
    mount_fs
    expect_eq "$(room)" "$after" "room after another mount, $1"
}

mkfs.daxfs -q -f "$PMEM" 96M
mount_fs
promise steal
promise full
promise fragment
umount "$MNT"

mkfs.daxfs -q -f "$PMEM" 256M
mount_fs
promise grow
# The same where free huge pages are not plenty: the log begins in a hole, and moves.
/tests/bin/age run "$MNT" 7 55 1500
/tests/bin/space grow "$MNT/grow" $stats
unmount_check

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# module: points
# A file's map that changes between the two looks of a write: the first sees blocks to be filled, or none, the second one
# blocks of inodes. Nothing is stored there.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib
POINT=/sys/kernel/debug/daxfs/points/lookup

# between CHANGE... -- STORE...: STORE fails, and CHANGE happens between its two looks
between() {
    change=
    while [ "$1" != -- ]; do
        change="$change $1"
        shift
    done
    shift
    echo "$*"
    echo park >$POINT
    "$@" >/dev/null 2>&1 &
    storing=$!
    await_parked $POINT $storing
    $change
    echo go >$POINT
    ! wait $storing || fail "succeeded"
    umount "$MNT"
    expect_eq "$(damage get inode "$window" 8 8)" "$window" "an inode of the block"
}

# The last extent, of two blocks that are not written yet.
prepare() { # MOUNT-OPTION
    overlay
    mount_fs
    fallocate -o $((40 * 4096)) -l 8192 "$MNT/tree"
    umount "$MNT"
    mount_fs "errors=continue,$1"
    cat "$MNT/window" >/dev/null
    expect_eq "$(read_tree 2)" "extent 1" "the tree"
}

prepare dax=always
between place 20 $((window / 8)) -- dd if=/dev/zero of="$MNT/tree" bs=4k seek=40 count=1 conv=notrunc
prepare dax=always
between place 20 $((window / 8)) -- /tests/bin/touch_map "$MNT/tree" wn $((40 * 4096)) 4096 4096
# A hole at first: the extent in front of it moves there.
move() {
    key 20 42
    place 20 $((window / 8))
}
prepare dax=never
truncate -s $((50 * 4096)) "$MNT/tree"
between move -- dd if=/dev/zero of="$MNT/tree" bs=4k seek=42 count=1 conv=notrunc oflag=direct

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# A node's checksum is asked once in a mount: one that goes wrong later, while nothing else does, is met by the next mount.
# What steers a walk is looked at each time. Another file claims the nodes as its blocks, and so can change them.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

mkfs_mount
mkdir "$MNT/names"
echo x >"$MNT/names/x"
make_tree "$MNT/tree"
for i in 0 1; do
    dd if=/dev/zero of="$MNT/window" bs=4k count=1 seek=$i conv=notrunc 2>/dev/null
    : >"$MNT/between"
    echo x >"$MNT/between$i"
done
window=$(stat -c %i "$MNT/window")
set -- "$(stat -c %i "$MNT/tree")" "$(stat -c %i "$MNT/names")"
umount "$MNT"
i=0
for ino in "$@"; do
    # file block, disk block, length, state
    damage put inode "$window" $((160 + 24 * i)) 8 $i
    damage put inode "$window" $((FORK_BLOCK + 24 * i)) 8 "$(damage get inode "$ino" "$FORK_BLOCK" 8)"
    damage put inode "$window" $((176 + 24 * i)) 4 1
    damage put inode "$window" $((180 + 24 * i)) 1 1
    i=$((i + 1))
done
damage put inode "$window" 20 2 2

# look BLOCK COMMAND...: a command that reads both nodes; one extent's place in the file may be remembered
look() {
    block=$1
    shift
    "$@" dd if="$MNT/tree" of=/dev/null bs=4k count=1 skip="$block"
    "$@" /tests/bin/directory ls "$MNT/names"
}

turn() { # OFFSET BYTE: of both nodes
    for node in 0 1; do
        # shellcheck disable=SC2059
        printf "$2" | dd of="$MNT/window" bs=1 seek=$((4096 * node + $1)) conv=notrunc 2>/dev/null
    done
}

mount_fs errors=continue
# Before the nodes are met: from then on they are nobody's blocks.
cat "$MNT/window" >/dev/null
look 2 env >/dev/null 2>&1
turn 4 '\125'
turn 5 '\252'
look 4 env >/dev/null 2>&1
# The owner: not a node of theirs.
turn 15 '\001'
look 6 unclean
turn 15 '\000'
look 8 env >/dev/null 2>&1
umount "$MNT"
mount_fs errors=continue
look 10 unclean
umount "$MNT"
expect_fail fsck.daxfs -n "$PMEM" >/dev/null

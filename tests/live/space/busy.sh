# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# module: points
# While a transaction holds a directory's group, what others begin in that group begins elsewhere and waits for nobody: a
# file in its processor's own group, data of a file that lies in the group, a directory in the next group.
[ "$(nproc)" = 2 ] || fail "$(nproc) processors"
point=/sys/kernel/debug/daxfs/points/logged
group_of_block() { echo $(($1 / 8192)); } # of 32 MiB
group_of_inode() { group_of_block $(($(stat -c %i "$1") / 8)); }

mkfs_mount --ag-size 32M
mkdir "$MNT/d0" "$MNT/d1" "$MNT/d0/sub"
touch "$MNT/d0/sub/before"
home=$(group_of_inode "$MNT/d0")
other=$((1 - home))
expect_eq "$(group_of_inode "$MNT/d0/sub/before")" "$home" "the group of a file while nobody is there"

sh -c "echo park \$\$ >$point; exec touch $MNT/d0/parked" &
parked=$!
await_parked $point $parked
taskset -c $other timeout 5 touch "$MNT/d0/sub/during" || fail "a create waits"
taskset -c $other timeout 5 mkdir "$MNT/d0/sub/dir" || fail "a mkdir waits"
taskset -c $other timeout 5 dd if=/dev/zero of="$MNT/d0/sub/before" bs=4k count=1 conv=notrunc 2>/dev/null ||
    fail "a write waits"
kill -0 $parked || fail "the transaction ended"
echo go >$point
wait $parked
expect_eq "$(group_of_inode "$MNT/d0/sub/during")" "$other" "the group of a file"
expect_eq "$(group_of_inode "$MNT/d0/sub/dir")" "$other" "the group of a directory"
expect_eq "$(group_of_block "$(/tests/bin/where "$MNT/d0/sub/before")")" "$other" "the group of data"
expect_eq "$(group_of_inode "$MNT/d0/parked")" "$home" "the group of the file that was first"
unmount_check

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Blocks of inodes come back: at once for statfs, as space when it is needed, and on the device at the unmount.
blocks() { stat -f -c %f "$MNT"; }
back() { expect_eq "$(blocks)" "$before" "$1"; } # WHAT: the free blocks are as before

mkfs.daxfs -q -f "$PMEM" 48M
mount_fs
fallocate -l 24M "$MNT/kept"
before=$(blocks)
mkdir "$MNT/d"
files=$(/tests/bin/inodes fill "$MNT/d")
[ "$files" -gt 15000 ] || fail "only $files empty files fit"
rm -r "$MNT/d"
back "free blocks after $files files"

# As data, all of it that users may have.
available=$(stat -f -c %a "$MNT")
expect_fail dd if=/dev/zero of="$MNT/data" bs=4k 2>/dev/null
[ "$(stat -c %b "$MNT/data")" -ge $(((available - 64) * 8)) ] || fail "data finds $(stat -c %b "$MNT/data") sectors of $available blocks"
rm "$MNT/data"
remount
back "free blocks after a remount"

# What a power cut leaves, nobody has looked into yet: it comes back when space is short.
mkdir "$MNT/d"
/tests/bin/inodes create "$MNT/d" 0 10000
/tests/bin/inodes remove "$MNT/d" 0 7000
remount
/tests/bin/inodes remove "$MNT/d" 7000 3000
rmdir "$MNT/d"
/tests/bin/shutdown "$MNT"
remount
available=$(stat -f -c %a "$MNT")
expect_fail dd if=/dev/zero of="$MNT/data" bs=4k 2>/dev/null
[ "$(stat -c %b "$MNT/data")" -ge $(((available - 64) * 8)) ] || fail "data finds $(stat -c %b "$MNT/data") sectors of $available blocks"
rm "$MNT/data"
back "free blocks at last"

# Files that come and go, from many tasks, while space is short.
/tests/bin/inodes fill "$MNT" >/dev/null
at_once() { # COMMAND...: for four tasks, each with a number
    tasks=
    for task in 1 2 3 4; do
        "$@" "$task" &
        tasks="$tasks $!"
    done
    for task in $tasks; do
        wait "$task"
    done
}
thin_out() { /tests/bin/inodes remove "$MNT" $(($1 * 1000)) 900; }
come_and_go() {
    /tests/bin/inodes create "$MNT" $(($1 * 1000)) 500
    /tests/bin/inodes remove "$MNT" $(($1 * 1000)) 500
    /tests/bin/inodes create "$MNT" $(($1 * 1000)) 500
}
at_once thin_out
at_once come_and_go
unmount_check

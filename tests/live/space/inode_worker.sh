# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# Blocks of inodes that deletes leave empty are free on the device some seconds later, but for a few; not while the filesystem
# is frozen, and what is kept serves the next files.
free_blocks() { cat /sys/fs/daxfs/pmem0/free_blocks; }
commits() { cat /sys/fs/daxfs/pmem0/commits; }

# await CONDITION...: for at most fifteen seconds
await() {
    for _ in $(seq 15); do
        ! "$@" || return 0
        sleep 1
    done
    fail "not so after fifteen seconds: $* (free: $(free_blocks))"
}
given_back() { [ "$(free_blocks)" -ge $((before - 8)) ]; }

files=$(count 4000)
mount_fs
before=$(free_blocks)
/tests/bin/inodes create "$MNT" 0 "$files"
full=$(free_blocks)
[ $((before - full)) -ge $((files / 8)) ] || fail "$files files took $((before - full)) blocks"
/tests/bin/inodes remove "$MNT" 0 "$files"
await given_back

/tests/bin/inodes create "$MNT" 0 "$files"
/tests/bin/inodes remove "$MNT" 0 "$files"
fsfreeze --freeze "$MNT"
frozen=$(commits)
sleep 8
expect_eq "$(commits)" "$frozen" "commits while frozen"
fsfreeze --unfreeze "$MNT"
# The next delete wakes the worker.
/tests/bin/inodes create "$MNT" 0 1
/tests/bin/inodes remove "$MNT" 0 1
await given_back
unmount_check

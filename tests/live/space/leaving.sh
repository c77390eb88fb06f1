# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# module: points
# The last space are empty blocks of inodes, and somebody is about to give them back: whoever needs some waits for him.
point=/sys/kernel/debug/daxfs/points/leaving
free_blocks() { stat -f -c %f "$MNT"; }

mkfs.daxfs -q -f --ag-size 32M "$PMEM" 32M
mount_fs
touch "$MNT/large" "$MNT/small"
mkdir "$MNT/d"
/tests/bin/inodes create "$MNT/d" 0 64
expect_fail dd if=/dev/zero of="$MNT/data" bs=4k 2>/dev/null
expect_fail dd if=/dev/zero of="$MNT/small" bs=4k count=1 conv=notrunc 2>/dev/null
full=$(free_blocks)
/tests/bin/inodes remove "$MNT/d" 0 64
empty=$(($(free_blocks) - full))
# One may be of the directory.
case $empty in [678]) ;; *) fail "$empty blocks came of the files" ;; esac

echo park >$point
/tests/bin/errors allocate "$MNT/large" 0 262144 >/tmp/large &
giving=$!
await_parked $point $giving
expect_eq "$(($(free_blocks) - full))" $empty "free blocks while they are given back"
rm -f /tmp/small
{ dd if=/dev/zero of="$MNT/small" bs=4k count=4 conv=notrunc 2>&1 && echo written; } >/tmp/small &
writing=$!
sleep 1
echo go >$point
wait $giving || :
wait $writing || :
grep -q written /tmp/small || fail "a write while blocks are given back: $(cat /tmp/small)"
expect_eq "$(cat /tmp/large)" "No space left on device" "1 GiB"
unmount_check

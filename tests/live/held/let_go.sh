# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# module: points
# The last space are blocks that nobody refers to any more, and somebody is about to make them free: whoever needs some waits
# for him.
# shellcheck source=tests/live/device/lib
. /tests/device/lib
point=/sys/kernel/debug/daxfs/points/let_go
mkfs.daxfs -q -f --ag-size 32M "$PMEM" 32M
mount_fs
touch "$MNT/small"
hold_pages "$MNT/held"
rm "$MNT/held"
expect_eq "$(cat /sys/fs/daxfs/pmem0/held_blocks)" 8 "held blocks"
expect_fail dd if=/dev/zero of="$MNT/data" bs=4k 2>/dev/null
expect_fail dd if=/dev/zero of="$MNT/small" bs=4k count=1 conv=notrunc 2>/dev/null

# The worker, which looks once a second.
echo park >$point
kill $holder
await_parked $point $$
rm -f /tmp/small
{ dd if=/dev/zero of="$MNT/small" bs=4k count=1 conv=notrunc 2>&1 && echo written; } >/tmp/small &
writing=$!
sleep 1
echo go >$point
wait $writing || :
grep -q written /tmp/small || fail "a write while blocks become free: $(cat /tmp/small)"
expect_eq "$(cat /sys/fs/daxfs/pmem0/held_blocks)" 0 "held blocks at last"
unmount_check

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# module: points
# A range is inserted into a file in the page cache, while data in front of it is on its way to the device: the end of that
# I/O must not join extents over the place that was split.
POINT=/sys/kernel/debug/daxfs/points/split
half=$((50 * 4096))
mount_fs dax=never
fallocate -l $((2 * half)) "$MNT/file"
tr '\0' 'b' </dev/zero | dd of="$MNT/file" bs=4k count=50 seek=50 conv=notrunc,fsync iflag=fullblock 2>/dev/null
tr '\0' 'a' </dev/zero | dd of="$MNT/file" bs=4k count=50 conv=notrunc iflag=fullblock 2>/dev/null
echo park >$POINT
/tests/bin/errors insert "$MNT/file" 50 10 >/tmp/insert &
inserting=$!
await_parked $POINT $inserting
timeout 10 sync
echo go >$POINT
wait $inserting || fail "insert"
expect_eq "$(cat /tmp/insert)" ok "insert"
{
    tr '\0' 'a' </dev/zero | head -c $half
    head -c 40960 /dev/zero
    tr '\0' 'b' </dev/zero | head -c $half
} >/tmp/wanted
for look in "the page cache" "the device"; do
    cmp "$MNT/file" /tmp/wanted || fail "contents, by $look"
    umount "$MNT"
    mount_fs
done
unmount_check

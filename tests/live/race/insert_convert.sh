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
until grep -q "parked 1" $POINT; do
    kill -0 $inserting || fail "nobody came by"
    sleep 0.1
done
timeout 10 sync
echo go >$POINT
wait $inserting || fail "insert"
expect_eq "$(cat /tmp/insert)" ok "insert"
content() { dd if="$1" bs=4k count=50 skip="$2" iflag=fullblock 2>/dev/null | tr -d "$3" | wc -c; }
for look in "the page cache" "the device"; do
    expect_eq "$(stat -c %s "$MNT/file")" $((2 * half + 40960)) "size, by $look"
    expect_eq "$(content "$MNT/file" 0 a)" 0 "in front of the hole, by $look"
    expect_eq "$(dd if="$MNT/file" bs=4k count=10 skip=50 2>/dev/null | tr -d '\0' | wc -c)" 0 "in the hole, by $look"
    expect_eq "$(content "$MNT/file" 60 b)" 0 "behind the hole, by $look"
    umount "$MNT"
    mount_fs
done
unmount_check

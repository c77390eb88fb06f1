# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 200
# A file's tree loses the levels that its extents do not need any more, down to extents in the inode, and gains them again.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

HEIGHT=19
FORMAT=18

# levels HEIGHT FORMAT WHAT
levels() {
    expect_eq "$(damage get inode "$ino" $HEIGHT 1) $(damage get inode "$ino" $FORMAT 1)" "$1 $2" "height and format $3"
}

mount_fs
: >"$MNT/file"
ino=$(stat -c %i "$MNT/file")
free_before=$(stat -f -c %f "$MNT")
for round in first second; do
    /tests/bin/sizes deepen "$MNT/file"
    unmount_check
    levels 2 2 "of 4,000 extents, $round time"
    mount_fs
    /tests/bin/sizes thin-400 "$MNT/file"
    unmount_check
    levels 1 2 "of 400 extents"
    mount_fs
    /tests/bin/sizes thin-5 "$MNT/file"
    expect_eq "$(stat -c %b "$MNT/file")" 40 "sectors of five blocks"
    unmount_check
    levels 0 1 "of five extents"
    mount_fs
done
truncate -s 0 "$MNT/file"
expect_eq "$(stat -f -c %f "$MNT")" "$free_before" "free blocks"
unmount_check

# A damaged leaf keeps nobody from a hole in another one: the level stays.
mkfs_mount
/tests/bin/scatter "$MNT/file" 400
ino=$(stat -c %i "$MNT/file")
umount "$MNT"
damage leaf "$ino" 1
mount_fs errors=continue
expect_eq "$(/tests/bin/errors punch "$MNT/file" 6 330)" ok "a hole beside a damaged leaf"
dmesg | grep -q "node of .*checksum" || fail "nobody looked at the damaged leaf"
umount "$MNT"
damage leaf "$ino" 1
fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
fsck_clean
levels 1 2 "with a leaf that was damaged"

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Blocks that were preallocated past the end of a file stay when the filesystem goes down, whoever recovers it; a
# truncate to the same size gives them back.
mount_fs
echo text >"$MNT/file"
/tests/bin/sizes past "$MNT/file"
sectors=$(stat -c %b "$MNT/file")
[ "$sectors" -ge 2064 ] || fail "$sectors sectors were preallocated"
for how in mount fsck; do
    echo "$how" >"$MNT/other"
    rm "$MNT/other"
    exec 8>"$MNT/orphan"
    rm "$MNT/orphan"
    /tests/bin/shutdown "$MNT"
    exec 8>&-
    umount "$MNT"
    [ $how = mount ] || fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
    mount_fs
    expect_eq "$(stat -c %b "$MNT/file")" "$sectors" "sectors after a crash and $how"
    expect_eq "$(stat -c %s "$MNT/file") $(cat "$MNT/file")" "5 text" "the file after a crash and $how"
done
truncate -s 5 "$MNT/file"
expect_eq "$(stat -c %b "$MNT/file")" 8 "sectors after a truncate to the size"
unmount_check

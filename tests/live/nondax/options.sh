# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# dax=always, inode and never, the flag of an inode, and where it comes from.
state() { # FILE: flag and way of access
    /tests/bin/dax_flag show "$1" | cut -d' ' -f1,2
}

for mode in always inode never; do
    mount_fs "dax=$mode"
    grep -q "^$PMEM $MNT .*[ ,]dax=${mode}[, ]" /proc/mounts || fail "dax=$mode is not shown"
    umount "$MNT"
done
expect_fail mount_fs dax=sometimes

mount_fs dax=inode
echo x >"$MNT/plain"
mkdir "$MNT/dir"
/tests/bin/dax_flag set "$MNT/dir"
echo x >"$MNT/dir/child"
mkdir "$MNT/dir/sub"
echo x >"$MNT/dir/sub/grandchild"
expect_eq "$(state "$MNT/plain")" "- -" "a file"
expect_eq "$(state "$MNT/dir")" "flag -" "a directory with the flag"
expect_eq "$(state "$MNT/dir/child")" "flag dax" "a file in it"
expect_eq "$(state "$MNT/dir/sub/grandchild")" "flag dax" "a file below it"
# One sector; through DAX too, where none is needed, for programs that allocate their buffers by it.
expect_eq "$(/tests/bin/dax_flag show "$MNT/plain" | cut -d' ' -f3,4)" "512 512" "alignment of direct I/O"
expect_eq "$(/tests/bin/dax_flag show "$MNT/dir/child" | cut -d' ' -f3,4)" "512 512" "alignment through DAX"
/tests/bin/dax_flag while-open "$MNT/plain"
/tests/bin/dax_flag while-open "$MNT/dir/child"
expect_eq "$(state "$MNT/plain")" "flag dax" "the file whose flag was set"
expect_eq "$(state "$MNT/dir/child")" "- -" "the file whose flag was cleared"
expect_fail mount -o remount,dax=never "$MNT"
mount -o remount,ro "$MNT"
umount "$MNT"

mount_fs dax=never
expect_eq "$(state "$MNT/plain")" "flag -" "a file with the flag under dax=never"
remount dax=always
expect_eq "$(state "$MNT/dir/child")" "- dax" "a file without the flag under dax=always"
remount dax=inode
expect_eq "$(state "$MNT/plain")" "flag dax" "a file with the flag, mounted anew"
expect_eq "$(state "$MNT/dir/child")" "- -" "a file without the flag, mounted anew"
unmount_check

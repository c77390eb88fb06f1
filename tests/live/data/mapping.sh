# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# Mappings and write(2) show each other's bytes; a write from a mapping of its own file does not deadlock.
mount_fs
for case in sync source hole private times; do
    /tests/bin/mapping $case "$MNT/$case"
done
sum=$(md5sum <"$MNT/source")
remount
expect_eq "$(md5sum <"$MNT/source")" "$sum" "contents after a new mount"
unmount_check

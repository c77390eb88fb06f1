# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# Random operations on a file agree with a copy in memory, in a small file and in one of several huge pages.
mount_fs
for seed in 1 2 3 4; do
    /tests/bin/model "$MNT/small$seed" $seed "$(count 400)" 1
done
/tests/bin/model "$MNT/large" 5 "$(count 250)" 8
expect_eq "$(md5sum <"$MNT/small1")" "$(remount && md5sum <"$MNT/small1")" "contents after a new mount"
rm "$MNT"/small?
unmount_check

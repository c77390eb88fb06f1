# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# Behind the end of file, in read-only and in private mappings, and O_DIRECT from and into mappings.
mount_fs
for case in eof readonly private direct; do
    /tests/bin/fault $case "$MNT/$case"
done
unmount_check

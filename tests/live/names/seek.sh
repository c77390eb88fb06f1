# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A position in a directory leads to the same place, also when entries before and behind it are gone.
mount_fs
mkdir "$MNT/dir"
/tests/bin/directory seek "$MNT/dir"
unmount_check

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A reader sees what stays exactly once while others come and go.
mount_fs
mkdir "$MNT/dir"
/tests/bin/directory race "$MNT/dir" 15
unmount_check

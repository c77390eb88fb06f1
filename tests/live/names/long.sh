# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# Names of all lengths up to 255 bytes; a longer one is refused.
mount_fs
mkdir "$MNT/dir"
/tests/bin/directory long "$MNT/dir"
unmount_check

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# File handles open what they were made of, also without a name while somebody has it open, and are stale after that.
mount_fs
mkdir "$MNT/handles"
/tests/bin/handles "$MNT/handles"
rmdir "$MNT/handles"
unmount_check

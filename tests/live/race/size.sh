# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# The size moves in completion, by what was written; an allocating write stores its data once.
mount_fs
/tests/bin/race size "$MNT/size"
/tests/bin/race once "$MNT/once"
unmount_check

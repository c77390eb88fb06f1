# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Hard links, files without a name that are open, O_TMPFILE with and without a name in the end.
mount_fs
/tests/bin/names link "$MNT"
unmount_check

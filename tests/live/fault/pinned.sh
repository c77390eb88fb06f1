# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# truncate, punch and zero-range wait for pages that somebody else refers to, and take nothing from under him.
mount_fs
/tests/bin/fault pinned "$MNT/file"
unmount_check

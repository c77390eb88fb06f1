# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Rename: within and between directories, over targets, exchanging, refused.
mount_fs
/tests/bin/names rename "$MNT"
unmount_check

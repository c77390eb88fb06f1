# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# Stores to pages that are mapped read-only: dirty tracking, times, freeze, and msync at the same time.
mount_fs
/tests/bin/race mkwrite "$MNT/mkwrite"
/tests/bin/race mkwrite_under_msync "$MNT/msync"
unmount_check

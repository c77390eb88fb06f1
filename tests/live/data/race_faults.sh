# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# Threads that fault on the same holes at the same moment lose no byte: 10,000 pages, and huge pages.
mount_fs
/tests/bin/race_faults "$MNT/pages" "$(count 10000)" 4 pages
/tests/bin/race_faults "$MNT/huge" "$(count 64)" 4 huge
unmount_check

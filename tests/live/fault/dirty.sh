# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# msync() brings out what was stored since the last one, also where the page was mapped all the time: pfn_mkwrite.
mount_fs
mount -t tracefs none /sys/kernel/tracing 2>/dev/null || :
/tests/bin/fault dirty "$MNT/file" /sys/kernel/tracing
unmount_check

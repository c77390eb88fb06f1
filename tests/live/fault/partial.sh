# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# A part of a 2 MiB page that was stored to is taken from the file: the stores to the rest of it are flushed.
mount_fs
mount -t tracefs none /sys/kernel/tracing 2>/dev/null || :
/tests/bin/fault partial "$MNT/file" /sys/kernel/tracing
unmount_check

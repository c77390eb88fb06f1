#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: mounts FILESYSTEM and measures. Usage: guest.sh FILESYSTEM ARGUMENTS-OF-daxbench-fs
set -eu
filesystem=$1
shift
# The same address space layout each time, or instruction counts differ.
echo 0 >/proc/sys/kernel/randomize_va_space
# The flusher wakes every 5 seconds, in the middle of some operation: what is measured writes its own inodes.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
mkdir -p /mnt/bench
case $filesystem in
tmpfs) mount -t tmpfs -o size=1200m tmpfs /mnt/bench ;;
*) mount -t "$filesystem" -o dax=always /dev/pmem0 /mnt/bench ;;
esac
# Its progress would leave the guest while the next operation is measured, and come back as interrupts.
daxbench fs "$@" /mnt/bench 2>/tmp/progress || {
    cat /tmp/progress >&2
    exit 1
}
umount /mnt/bench

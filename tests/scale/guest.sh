#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: what its functions are called, for the recorder; then the tasks. Usage: guest.sh FILESYSTEM TASKS OPERATION...
set -eu
filesystem=$1
shift
modprobe "$filesystem"
echo 0 >/proc/sys/kernel/kptr_restrict
echo 0 >/proc/sys/kernel/randomize_va_space
# The flusher wakes every 5 seconds, in the middle of some operation.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
cat /proc/kallsyms >"/share/$filesystem.symbols"
mkdir -p /mnt/scale
mount -t "$filesystem" -o dax=always /dev/pmem0 /mnt/scale
# Filled once: whatever of it is opened when it is first needed, is.
fallocate -l 14G /mnt/scale/all
rm /mnt/scale/all
/scale/tasks /mnt/scale "/share/$filesystem.manifest" "$@"
umount /mnt/scale

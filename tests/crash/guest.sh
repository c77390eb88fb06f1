#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: mounts (which recovers what the last cut left), verifies, goes on working. Usage: guest.sh SEED [STEPS]
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
/share3/churn verify /mnt /share/acknowledged "$1"
[ ! -e /mnt/log ] || /share3/mmap_log verify /mnt/log /share/log-acknowledged
echo verified
/share3/mmap_log append /mnt/log /share/log-acknowledged "${2:-0}" &
/share3/churn run /mnt /share/acknowledged "$1" "${2:-0}"
wait
umount /mnt

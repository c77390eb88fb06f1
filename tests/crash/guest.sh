#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: mounts (which recovers what the last cut left), verifies, goes on working. With CUT-MS it asks for the
# cut that long after it began to work; else it ends after 50 steps and unmounts. Usage: guest.sh SEED [CUT-MS]
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
/share3/churn verify /mnt /share/acknowledged "$1"
[ ! -e /mnt/log ] || /share3/mmap_log verify /mnt/log /share/log-acknowledged
echo verified

steps=50
[ $# = 1 ] || steps=0
/share3/mmap_log append /mnt/log /share/log-acknowledged "$steps" &
/share3/churn run /mnt /share/acknowledged "$1" "$steps" &
if [ $# = 2 ]; then
    usleep "$(($2 * 1000))"
    echo "cut now"
    sleep 60
fi
wait
umount /mnt

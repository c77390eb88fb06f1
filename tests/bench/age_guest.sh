#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: ages FILESYSTEM and says what is left. Usage: age_guest.sh FILESYSTEM SEED PERCENT OPERATIONS PROFILE
set -eu
mkdir -p /mnt/aged
mount -t "$1" -o dax=always /dev/pmem0 /mnt/aged
# 10 ms: a worker that waits for a tick, as XFS' which frees inodes, is done before the next operation.
/tests/age run /mnt/aged "$2" "$3" "$4" "$5" 10
sync
df -k /mnt/aged | awk 'END { sub("%", "", $(NF - 1)); print "full", $(NF - 1) }'
echo "free_blocks $(stat -f -c %f /mnt/aged)"
[ "$1" != daxfs ] || echo "free_huge $(cat /sys/fs/daxfs/pmem0/free_huge_pages)"
/tests/age measure /mnt/aged
umount /mnt/aged

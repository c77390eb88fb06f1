#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: uses the filesystem under daxtrace, syncs, records what is promised, goes on writing until the cut.
# /share: results; /share2: this directory; /share3: test programs.
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
mkdir /mnt/tree
daxtrace summary -- /share2/use.sh
sync
(cd /mnt/tree && find . -type f ! -name 'live*' -exec sha256sum {} +) >/share/promised.sha256
echo "$(wc -l </share/promised.sha256) files synced and hashed"

# From here on nothing is promised but what the log and the database acknowledge.
/share3/mmap_log append /mnt/tree/live-log /share/acknowledged 0 &
(
    i=0
    while :; do
        i=$((i + 1))
        sqlite3 /mnt/tree/live.db "insert into t values ($i, hex(randomblob(200)))"
        echo "$i" >/share/committed
    done
) &
(
    i=0
    while :; do
        i=$((i + 1))
        mkdir "/mnt/tree/live-$i"
        tar -xf /share/source.tar -C "/mnt/tree/live-$i"
        mv "/mnt/tree/live-$i" "/mnt/tree/live-moved"
        rm -rf "/mnt/tree/live-moved"
    done
) &
sleep 3
echo "demo: cut the power now"
sleep 60

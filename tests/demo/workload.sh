#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: uses the filesystem under daxtrace, syncs, records what is promised, goes on writing until the cut.
# /share: results; /share2: this directory; /share3: test programs.
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
mkdir /mnt/work
daxtrace summary -- /share2/use.sh
sync
(cd /mnt/work && find . -type f ! -name 'live*' -exec sha256sum {} +) >/share/promised.sha256
echo "$(wc -l </share/promised.sha256) files synced and hashed"

# From here on nothing is promised but what the log and the database acknowledge.
/share3/mmap_log append /mnt/work/live-log /share/acknowledged 0 &
(
    i=0
    while :; do
        i=$((i + 1))
        sqlite3 /mnt/work/live.db "insert into t values ($i, hex(randomblob(200)))"
        echo "$i" >/share/committed
    done
) &
(
    i=0
    while :; do
        i=$((i + 1))
        mkdir "/mnt/work/live-$i"
        tar -xf /share/source.tar -C "/mnt/work/live-$i"
        mv "/mnt/work/live-$i" "/mnt/work/live-moved"
        rm -rf "/mnt/work/live-moved"
    done
) &
sleep 3
echo "demo: cut the power now"
sleep 60

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest, after the cut and fsck: is all that was promised there?
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
cd /mnt/tree
bad=0
sha256sum -c /share/promised.sha256 >/tmp/hashes || bad=1
echo "$(grep -c ': OK$' /tmp/hashes) of $(wc -l </share/promised.sha256) synced files have their hash"
grep -v ': OK$' /tmp/hashes | head -n 10 || :
if ! [ -s /share/acknowledged ] || ! /share3/mmap_log verify /mnt/tree/live-log /share/acknowledged; then
    bad=1
fi
check=$(sqlite3 live.db 'pragma integrity_check')
rows=$(sqlite3 live.db 'select count(*) from t')
committed=$(cat /share/committed 2>/dev/null || echo 0)
echo "SQLite: integrity check says $check; $committed commits acknowledged, $rows rows"
[ "$check" = ok ] && [ "$rows" -ge "$committed" ] || bad=1
cd /
umount /mnt
exit $bad

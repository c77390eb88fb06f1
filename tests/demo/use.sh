#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: the work that daxtrace watches.
set -eu
cd /mnt/tree
tar -xf /share/source.tar
sqlite3 db 'create table t (n integer primary key, x text)' \
    'with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000) insert into t select n, hex(randomblob(100)) from c'
sqlite3 db 'create index i on t (x); delete from t where n % 3 = 0; vacuum'
sqlite3 live.db 'pragma journal_mode=wal; pragma synchronous=full; create table t (n integer primary key, x text)' >/dev/null
/share3/mmap_log append /mnt/tree/log /share/log-acknowledged 2000

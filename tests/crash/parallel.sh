#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: tasks that make, fill, rename, link, truncate and remove, for ever. Usage: parallel.sh SEED
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
mkdir -p /mnt/shared

worker() {
    dir=/mnt/dir$1
    mkdir -p "$dir"
    i=0
    while :; do
        name=$dir/$((i % 40))
        echo "$i $1 $2" >"$name"
        dd if=/dev/zero of="$name" bs=3000 count=$((i % 30)) seek=$((i % 7)) conv=notrunc 2>/dev/null
        ln -f "$name" "/mnt/shared/$1-$((i % 25))"
        mv "$name" "$dir/moved$((i % 9))"
        : >"$dir/moved$((i % 9))"
        rm -f "/mnt/shared/$1-$(((i + 12) % 25))"
        mkdir "$dir/sub"
        ln -s target "$dir/sub/link"
        rm -r "$dir/sub"
        i=$((i + 1))
    done
}

for w in 1 2 3 4 5 6; do
    worker $w "$1" &
done
echo working
wait

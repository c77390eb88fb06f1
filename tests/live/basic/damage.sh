# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 240
# Bytes turned at random anywhere in the metadata: mounting and using what is left ends in errors, never in a crash, a
# hang or a report of the kernel. The same bytes each time.
mkfs.daxfs -q -f "$PMEM" 16M
mount_fs
for d in 1 2 3; do
    mkdir "$MNT/d$d"
    for f in 1 2 3 4 5 6 7 8; do
        echo "$d $f" >"$MNT/d$d/file-$f"
        ln -s "file-$f" "$MNT/d$d/link-$f"
    done
done
dd if=/dev/zero of="$MNT/big" bs=64k count=8 2>/dev/null
# Twenty extents: a tree.
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
    dd if=/dev/zero of="$MNT/sparse" bs=4k count=1 seek=$((i * 3)) conv=notrunc 2>/dev/null
done
umount "$MNT"
dd if="$PMEM" of=/tmp/good bs=1M count=16 2>/dev/null

state=12345
random() { # BELOW: sets $drawn
    state=$(((state * 1103515245 + 12345) % 2147483648))
    drawn=$((state / 8 % $1))
}

round=0
refused=0
while [ $round -lt 60 ]; do
    dd if=/tmp/good of="$PMEM" bs=1M conv=notrunc 2>/dev/null
    hits=0
    while [ $hits -lt 6 ]; do
        # Heads and maps, the journals' first bytes, the inodes and nodes behind them.
        random 3
        case $drawn in
        0) random 36864 && at=$drawn ;;
        1) random 524288 && at=$((28672 + drawn)) ;;
        2) random 262144 && at=$((552960 + drawn)) ;;
        esac
        random 256
        # shellcheck disable=SC2059
        printf "\\$(printf '%03o' "$drawn")" | dd of="$PMEM" bs=1 seek="$at" conv=notrunc 2>/dev/null
        hits=$((hits + 1))
    done
    if mount -t daxfs -o errors=continue "$PMEM" "$MNT" 2>/dev/null; then
        (
            find "$MNT" -type f -exec cat {} +
            echo new >"$MNT/d1/new"
            echo more >>"$MNT/d2/file-1"
            mkdir "$MNT/d3/sub"
            true >"$MNT/sparse"
            rm -rf "$MNT"/d* "$MNT/big"
        ) >/dev/null 2>&1 || :
        umount "$MNT"
    else
        refused=$((refused + 1))
    fi
    round=$((round + 1))
done
echo "$refused of $round mounts refused"
dmesg | grep -q 'daxfs .*damage: ' || fail "60 damaged filesystems, and nobody noticed"

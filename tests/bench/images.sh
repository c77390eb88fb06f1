# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The filesystems that benchmarks compare: the peers' own advice for huge pages, fixed UUIDs so that figures repeat. A log of
# XFS with that advice needs 768 MiB around it.

make_image() { # FILESYSTEM FILE SIZE [OPTION...]
    local uuid=3c2f6a1e-7d1b-4c55-9a55-0f3d1c5b7e01
    truncate -s "$3" "$2"
    case $1 in
    daxfs) SOURCE_DATE_EPOCH=1767225600 build/bin/mkfs.daxfs -q -U "$uuid" "${@:4}" "$2" ;;
    ext4) mke2fs -q -t ext4 -b 4096 -E stride=512,stripe_width=512 -U "$uuid" "${@:4}" "$2" ;;
    xfs) mkfs.xfs -q -m uuid="$uuid",reflink=0 -d su=2m,sw=1 -l su=32k "${@:4}" "$2" ;;
    tmpfs) ;;
    esac
}

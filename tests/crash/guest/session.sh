#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: for each line "TRACE MODULE IMAGE CASES..." of /share/jobs the module, the filesystem, and the cases.
# MODULE is a file of /share, or - for the one that is loaded; IMAGE is a file of /share, or "used": base.img that was full
# of files and then made anew. "count", "omit SITE" or "delay SITE" may stand before CASES, see cases.cc. With the cases "recover" the filesystem is mounted while it is recorded; "selfcheck" records
# every form of instruction. Says "done TRACE" or "failed TRACE" after each.
status=0

record() { # TRACE CASES...
    trace=$1
    shift
    case $1 in
    selfcheck) /crash/selfcheck /mnt/file "$trace" ;;
    *) /crash/cases /mnt "$trace" "$@" ;;
    esac
}

mount_device() { # DAX-MODE
    mount -t daxfs -o "dax=$1,noatime" /dev/pmem0 /mnt
}

put() { # IMAGE
    dd if="/share/$1" of=/dev/pmem0 bs=1M conv=fsync 2>/dev/null
    blockdev --flushbufs /dev/pmem0
}

put_used() {
    put base.img && mount_device always && /crash/cases /mnt - wear && umount /mnt && mkfs.daxfs -q -f /dev/pmem0 &&
        blockdev --flushbufs /dev/pmem0
}

while read -r trace module image cases; do
    unset SITES
    case $cases in
    count\ *)
        export SITES=count
        cases=${cases#* }
        ;;
    omit\ * | delay\ *)
        SITES=$(echo "$cases" | cut -d ' ' -f 1,2)
        export SITES
        cases=${cases#* * }
        ;;
    esac
    if [ "$module" != - ]; then
        rmmod daxfs 2>/dev/null
        insmod "/share/$module" || exit 3
    fi
    if [ "$image" = used ]; then
        put_used || exit 4
    else
        put "$image"
    fi
    case $cases in
    recover) ;;
    cached*) mount_device never || exit 4 ;;
    *) mount_device always || exit 4 ;;
    esac
    # shellcheck disable=SC2086  # CASES are words
    if record "$trace" $cases; then
        echo "done $trace"
    else
        echo "failed $trace"
        status=5
    fi
    umount /mnt
    [ "${SITES:-}" != count ] || sed 's/^/site /; s/ [0-9]*$//' /sys/kernel/debug/daxfs_sites
done </share/jobs
exit $status

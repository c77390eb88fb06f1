# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Programs are told the UUID, the folder in sysfs and the label.
mkfs_mount -L name -U 01234567-89ab-cdef-0123-456789abcdef
answer=$(/tests/bin/identity "$MNT")
folder=daxfs/${PMEM#/dev/}
# Linux 6.9 brought both calls; the UUID is answered before, too.
case $(uname -r) in
6.1.*) folder=- ;;
*) [ -e "/sys/fs/$folder/commits" ] || fail "no /sys/fs/$folder" ;;
esac
expect_eq "$answer" "01234567-89ab-cdef-0123-456789abcdef $folder name" "identity"
unmount_check

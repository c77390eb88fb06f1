#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: inserts a hole into a file of EXTENTS extents and collapses it, for ever. Usage: shifts.sh SEED EXTENTS
set -eu
mount -t daxfs -o dax=always /dev/pmem0 /mnt
/share2/shift make /mnt/file "$2"
echo working
/share2/shift loop /mnt/file 0

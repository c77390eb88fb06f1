# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The kernel looks for the build ID of a program that is mapped through DAX, or through the page cache.
for mode in always never; do
    mount_fs "dax=$mode"
    cp /tests/bin/build_id "$MNT/program-$mode"
    /tests/bin/build_id "$MNT/program-$mode" >/tmp/said || fail "dax=$mode: $(cat /tmp/said)"
    # Linux 6.11 and later know the call.
    case $(uname -r) in
    6.1.*) ;;
    *) expect_eq "$(cat /tmp/said)" asked "dax=$mode" ;;
    esac
    unmount_check
done

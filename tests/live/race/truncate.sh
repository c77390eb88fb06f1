# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# A fault on blocks that a truncate or a punch has unmapped and not yet freed waits, and does not map them again.
mount_fs
/tests/bin/race fault_under_punch "$MNT/punch"
/tests/bin/race fault_under_truncate "$MNT/truncate"
unmount_check

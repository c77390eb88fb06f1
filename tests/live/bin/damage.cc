// SPDX-License-Identifier: GPL-2.0-or-later
// Damages an unmounted filesystem in a way that a test names, so that only what it says is wrong: checksums are right
// but where they are the damage. Offsets and sizes are in bytes, of the structures in daxfs(5).
//
// The same again heals:
//   damage DEVICE inode INO            the inode's checksum
//   damage DEVICE leaf INO INDEX       the checksum of a leaf of a file's extent tree
//   damage DEVICE group AG             the checksum of an allocation group's header
//   damage DEVICE map KIND AG          a bit of its blocks, inodes or orphans map
//   damage DEVICE journal ID           the checksum of a journal's header
//   damage DEVICE word ID              a journal's commit word
// Recovery meets:
//   damage DEVICE undo ID BYTE LENGTH          an open transaction that would undo these bytes, to what they are
//   damage DEVICE undo-super FIELD VALUE       one that would undo a member of the superblock to VALUE
// Whoever looks meets:
//   damage DEVICE get inode INO OFFSET SIZE            prints a field, and changes nothing
//   damage DEVICE get node BLOCK OFFSET SIZE
//   damage DEVICE put inode INO OFFSET SIZE VALUE
//   damage DEVICE put node BLOCK OFFSET SIZE VALUE     a node of an extent tree, or an index node of a directory
//   damage DEVICE bit KIND BLOCK 0|1                   in the blocks or inodes map; the group's counters follow
//   damage DEVICE entry LEAF NAME NEW-NAME INO         a directory's, by a name of the same length; INO 0: its own
#include "tests/live/damage/verbs.h"

namespace {

damage::Verbs all_verbs() {
    damage::Verbs all;
    for (damage::Verbs verbs : {damage::checksum_verbs(), damage::map_verbs(), damage::journal_verbs(),
                                damage::field_verbs(), damage::directory_verbs()})
        all.merge(verbs);
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 3, "damage DEVICE VERB ARGUMENT...");
    const damage::Arguments arguments(std::span(argv + 3, argv + argc));
    const damage::Verbs verbs = all_verbs();
    const auto verb = verbs.find(argv[2]);
    expect(verb != verbs.end(), std::string("no such verb: ") + argv[2]);
    expect(arguments.count() == verb->second.arguments,
           std::string(argv[2]) + " takes " + std::to_string(verb->second.arguments) + " arguments");
    damage::Target target(argv[1]);
    verb->second.run(target, arguments);
    damage::must(target.image.write_staged(), argv[1]);
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Every schema and every table of names. A test compares the lists with daxfs_format.h.
#pragma once

#include "lib/format/ag_schema.h"
#include "lib/format/dirent_schema.h"
#include "lib/format/extent_schema.h"
#include "lib/format/inode_schema.h"
#include "lib/format/intent_schema.h"
#include "lib/format/journal_schema.h"
#include "lib/format/node_schema.h"
#include "lib/format/schema.h"
#include "lib/format/super_schema.h"

namespace daxfs {

inline constexpr std::array kAllSchemas{
    &kSchema<daxfs_super>,          &kSchema<daxfs_ag_header>,     &kSchema<daxfs_extent>, &kSchema<daxfs_index_entry>,
    &kSchema<daxfs_node_header>,    &kSchema<daxfs_fork>,          &kSchema<daxfs_inode>,  &kSchema<daxfs_dirent>,
    &kSchema<daxfs_journal_header>, &kSchema<daxfs_journal_entry>, &kSchema<daxfs_intent>, &kSchema<daxfs_redo_record>,
};

// `prefix` + upper-case name is the enumerator or macro in daxfs_format.h.
inline constexpr std::array kAllNameTables{
    NameTable{"daxfs_extent_state", "DAXFS_EXTENT_", kExtentStates},
    NameTable{"daxfs_inode_format", "DAXFS_FORMAT_", kInodeFormats},
    NameTable{"daxfs_inode_operation", "DAXFS_OPERATION_", kInodeOperations},
    NameTable{"daxfs_dirent_type", "DAXFS_DIRENT_", kDirentTypes},
    NameTable{"inode_flags", "DAXFS_INODE_", kInodeFlags},
    NameTable{"super_state", "DAXFS_STATE_", kSuperStates},
};

}  // namespace daxfs

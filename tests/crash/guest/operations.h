// SPDX-License-Identifier: GPL-2.0-or-later
// Every operation that the cases are made of, on one small tree of known files.
#pragma once

#include <string>
#include <vector>

namespace daxfs::crash {

// What daxfs(5) promises of an operation beyond the rule, which is "there wholly or not at all, durable on return":
//	r	the data that it changes in place may be old, new or mixed, until it is made durable
//	c	it takes several transactions: sizes and data between before and after may be seen
//	n	it is many operations: while it runs only the soundness of the filesystem is looked at
//	f	when it has returned, the data that it changed is durable
//	@PATH	when it has returned, all data of the file is durable; @*: of every file
//	=	it changes nothing that a program could see
//	-	none of these
struct Operation {
    const char* flags;
    const char* name;
    int (*run)();  // 0, or errno
};

// Makes the tree below the current directory: a case runs there.
void make_tree();
const std::vector<Operation>& operations();

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// Every operation that the cases are made of, on one small tree of known files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daxfs::crash {

// What daxfs(5) promises of an operation beyond the rule, which is "there wholly or not at all, durable on return":
//	r	the data that it changes in place may be old, new or mixed, until it is made durable
//	w	a write where blocks may be by now: c, and on return the data of blocks that it overwrote as with r
//	c	it takes several transactions: sizes and data between before and after may be seen
//	b	recovery that finishes it builds the file's map anew: blocks are not counted until it returns
//	n	it is many operations: while it runs only the soundness of the filesystem is looked at
//	f	when it has returned, the data that it changed is durable
//	@PATH	when it has returned, all data of the file is durable; @*: of every file
//	=	it changes nothing that a program could see
//	p	it is two calls at once, one seen below A and one below B alone: each is there wholly or not at all
//	-	none of these
struct Operation {
    const char* flags;
    const char* name;
    int (*run)();                  // 0, or errno
    void (*prepare)() = nullptr;   // what it needs beyond make_tree(); exits where that fails
    const char* second = nullptr;  // flags, where another operation went before it
};

// Makes the tree below the current directory: a case runs there. `make` makes the directories A and B.
void make_tree(void (*make)(const char* directory));
void make_directory(const char* path);
const std::vector<Operation>& operations();         // the pairs are made of these
const std::vector<Operation>& large_operations();   // large transactions, and what pairs are not made of
const std::vector<Operation>& short_operations();   // writes whose source ends
const std::vector<Operation>& held_operations();    // two calls at once, in a module with delay points
const std::vector<Operation>& apart_operations();   // the same, with A and B in two allocation groups
const std::vector<Operation>& cached_operations();  // on files in the page cache
// Takes all blocks of the filesystem but `leave` into the file "filler".
void fill(std::uint64_t leave);
std::string long_target();               // of a symbolic link, which needs a block for it
int many_inodes();                       // makes more files than one piece of the inode map holds
void must(int error, const char* what);  // exits where that is not 0

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// The structures one by one, for decode_block. `block` is where the bytes lie; nothing in them is believed.
#pragma once

#include <vector>

#include "lib/dump/section.h"
#include "lib/tree/ag.h"
#include "lib/tree/volume.h"

namespace daxfs {

Section decode_intent(BlockBytes bytes);
Section decode_ag_header(const Volume& volume, BlockNo block, BlockBytes bytes);
// One map block: a row for each of its cache lines.
Section decode_map(const Volume& volume, AgNo ag, MapKind kind, std::uint32_t index);
Section decode_journal_header(const Volume& volume, BlockNo block, BlockBytes bytes);
// Header, and entries or directory records.
std::vector<Section> decode_node(const Volume& volume, BlockNo block, BlockBytes bytes);
// The slot that starts at `block`.
std::uint32_t journal_of(const Volume& volume, BlockNo block);

}  // namespace daxfs

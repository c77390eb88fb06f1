// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of daxfs(5), in mdoc, from the schemas.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/format/schema.h"
#include "lib/format/schemas.h"

namespace daxfs {

// A column list: offset, size, member, kind, and description with range.
std::string mdoc_table(const StructSchema& schema);
std::string mdoc_table(const NameTable& table);

// `page` with every table replaced by the one the schemas give. A table lies between the lines
//   .\" table NAME
//   .\" end table
// where NAME is a struct or a table of names. A marker without its end, an unknown name, a name that occurs twice, and
// a struct or table of names that does not occur are errors.
Result<std::string> refresh_tables(std::string_view page);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of daxfs(5), in mdoc: from the schemas, the names of the trace format, and kernel/trace.h.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/dump/tracepoints.h"
#include "lib/format/schema.h"
#include "lib/format/schemas.h"

namespace daxfs {

// A column list: offset, size, member, kind, and description with range.
std::string mdoc_table(const StructSchema& schema);
std::string mdoc_table(const NameTable& table);
// Member, type and meaning.
std::string mdoc_table(const Tracepoint& event);

// By the name of the struct, table of names or tracepoint.
using ManTables = std::map<std::string, std::string, std::less<>>;

// All that daxfs(5) has; `trace_header` is the text of kernel/trace.h.
Result<ManTables> man_tables(std::string_view trace_header);

// `page` with every table replaced by the one of `tables`. A table lies between the lines
//   .\" table NAME
//   .\" end table
// A marker without its end, an unknown name, a name that occurs twice, and a table that does not occur are errors.
Result<std::string> refresh_tables(std::string_view page, const ManTables& tables);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Where commands write. As text: lines. As JSON: one document for the whole run, streamed, so that a list of a million
// entries needs no memory:
//   {"schema": "daxfs.daxdb", "version": 1, ..., "image": ..., "results": [{"command": ..., ..., "ok": true}, ...],
//   "exit": 0}
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "lib/dump/section.h"

namespace daxfs::daxdb {

class Report {
  public:
    Report(std::ostream& out, bool json, TextStyle style = {}) : out_(out), json_(json), style_(style) {}

    bool json() const { return json_; }
    // For text.
    std::ostream& out() { return out_; }
    void section(const Section& section) { write_text(out_, section, style_); }

    // For JSON: members of the command's result. Without JSON they do nothing.
    void member(std::string_view key, const Json& value);
    void begin_list(std::string_view key);
    void element(const Json& value);
    void end_list();

    void begin_document(const std::string& image);
    void begin_result(std::string_view command);
    void end_result(std::string_view error);                   // empty: ok
    void end_document(int exit_code, std::string_view error);  // an empty error: none

  private:
    static std::string text_of(const Json& value);

    std::ostream& out_;
    bool json_;
    TextStyle style_;
    bool first_result_ = true;
    bool first_element_ = true;
};

}  // namespace daxfs::daxdb

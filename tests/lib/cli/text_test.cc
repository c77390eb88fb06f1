// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/text.h"

#include <gmock/gmock.h>

#include <sstream>

namespace daxfs::cli {
namespace {

TEST(Counted, HasTheNumberOfItsNoun) {
    EXPECT_EQ(counted(0, "block"), "0 blocks");
    EXPECT_EQ(counted(1, "block"), "1 block");
    EXPECT_EQ(counted(2, "block"), "2 blocks");
    EXPECT_EQ(counted(1, "directory", "directories"), "1 directory");
    EXPECT_EQ(counted(11, "directory", "directories"), "11 directories");
}

TEST(Printable, LetsNoControlThrough) {
    EXPECT_EQ(printable("a\033[2J\x7f\n"), "a\\x1b[2J\\x7f\\x0a");
    // U+0080 to U+009F: a terminal may take U+009B for ESC [.
    for (int last = 0x80; last < 0xa0; ++last)
        EXPECT_EQ(printable(std::string("\xc2") + static_cast<char>(last)),
                  "\\xc2\\x" + std::string{"89"[last >= 0x90]} + "0123456789abcdef"[last & 15]);
    EXPECT_EQ(printable("\x9b"
                        "2J\xff"),
              "\\x9b2J\\xff");
    EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f\x65 \xc2\xa0 \xf0\x9f\x98\x80"),
              "gr\xc3\xbc\xc3\x9f\x65 \xc2\xa0 \xf0\x9f\x98\x80");
}

TEST(StatusLine, IsWrittenOverWithoutEscapes) {
    std::ostringstream out;
    {
        StatusLine line(out);
        line.show("pass 10");
        line.show("pass 10");
        line.show("done");
    }
    EXPECT_EQ(out.str(), "\rpass 10\rdone   \r    \r");
}

}  // namespace
}  // namespace daxfs::cli

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "lib/format/schema.h"

namespace daxfs {
namespace {

std::string text_of(const Uuid& uuid) {
    return format_uuid(std::as_bytes(std::span(uuid)));
}

TEST(Identity, AUuidIsReadAsItIsWritten) {
    const std::string text = "12345678-9abc-def0-1234-56789abcdef0";
    EXPECT_EQ(text_of(parse_uuid(text).value()), text);
    EXPECT_EQ(text_of(parse_uuid("12345678-9ABC-DEF0-1234-56789ABCDEF0").value()), text);
    for (const char* wrong :
         {"", "12345678", "12345678-9abc-def0-1234-56789abcdef", "12345678-9abc-def0-1234-56789abcdefg",
          "123456789-abc-def0-1234-56789abcdef0", "12345678-9abc-def0-1234-56789abcdef01"})
        EXPECT_THAT(parse_uuid(wrong).error().message, testing::HasSubstr("is not a UUID")) << wrong;
}

TEST(Identity, ARandomUuidIsOfVersionFour) {
    const Uuid uuid = random_uuid().value();
    EXPECT_EQ(text_of(uuid)[14], '4');
    EXPECT_EQ(uuid[8] & 0xc0, 0x80);
    EXPECT_NE(uuid, random_uuid().value());
}

TEST(Identity, ALabelIsShortTextWithoutControlCharacters) {
    EXPECT_TRUE(check_label(std::string(63, 'x')));
    EXPECT_TRUE(check_label("\xc3\xa4"));
    EXPECT_THAT(check_label(std::string(64, 'x')).error().message, testing::HasSubstr("63 bytes"));
    EXPECT_THAT(check_label("\xff").error().message, testing::HasSubstr("UTF-8"));
    EXPECT_THAT(check_label("a\nb").error().message, testing::HasSubstr("control"));
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/view.h"

#include <gmock/gmock.h>

#include "tests/cmd/daxdb/rich_image.h"

namespace daxfs::daxdb {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string screen(View& view, int width = 160, int height = 50) {
    const Grid grid = view.render(width, height);
    std::string text;
    for (int y = 0; y < grid.height(); ++y)
        text += grid.line(y) + "\n";
    return text;
}

void press(View& view, std::initializer_list<Key> keys) {
    for (const Key key : keys)
        view.press({key});
}

void type(View& view, std::string_view text) {
    for (const char c : text)
        view.press({Key::kCharacter, c});
}

void go(View& view, std::string_view where) {
    type(view, "g");
    type(view, where);
    press(view, {Key::kEnter});
}

class ViewTest : public testing::Test {
  protected:
    const Session session_ = rich_session();
    View view_{session_};
};

TEST_F(ViewTest, OpensWithTheSuperblockBesideItsBytes) {
    const std::string text = screen(view_);
    EXPECT_THAT(text, HasSubstr("block 0: superblock"));
    EXPECT_THAT(text, HasSubstr("block_count"));
    EXPECT_THAT(text, HasSubstr("000 ff 50 44 41 58 46 53 31"));
    EXPECT_THAT(text, HasSubstr("allocation groups (1 of 1)"));
    EXPECT_THAT(text, HasSubstr("q quit"));
}

TEST_F(ViewTest, EnterInTheTreeShowsAndExpands) {
    press(view_, {Key::kEnd, Key::kEnter});
    const std::string text = screen(view_);
    EXPECT_THAT(text, HasSubstr(fmt::format("inode {}", session_.volume.super.root_ino)));
    EXPECT_THAT(text, HasSubstr("- /"));
    EXPECT_THAT(text, HasSubstr("hello"));
    EXPECT_THAT(text, HasSubstr("+ many/"));
    EXPECT_THAT(text, HasSubstr("odd \\x1b\\xff name"));
    press(view_, {Key::kEnter});
    EXPECT_THAT(screen(view_), HasSubstr("+ /"));
}

TEST_F(ViewTest, EnterFollowsAPointerAndBackspaceReturnsToTheSameField) {
    go(view_, "inode /many");
    press(view_, {Key::kTab});
    const std::string title = view_.title();
    EXPECT_THAT(title, HasSubstr(fmt::format("inode {}", rich_inode("/many"))));
    for (int i = 0; i < 200 && view_.title() == title; ++i)
        press(view_, {Key::kDown, Key::kEnter});
    EXPECT_THAT(view_.title(), Not(testing::Eq(title)));
    press(view_, {Key::kBackspace});
    EXPECT_EQ(view_.title(), title);
    press(view_, {Key::kEnter});
    EXPECT_THAT(view_.title(), Not(testing::Eq(title)));
    press(view_, {Key::kBackspace});
    type(view_, "f");
    EXPECT_THAT(view_.title(), Not(testing::Eq(title)));
}

TEST_F(ViewTest, SelectedBytesAreHighlighted) {
    press(view_, {Key::kTab});
    const Grid grid = view_.render(160, 50);
    int marked = 0;
    for (int x = 90; x < grid.width(); ++x)
        marked += grid.at(x, 1).style == Style::kReverse ? 1 : 0;
    EXPECT_EQ(marked, 8 * 2 + 8);  // magic: eight bytes, as hexadecimal and as characters
}

TEST_F(ViewTest, GoesToAPlaceThatIsTyped) {
    go(view_, "3");
    EXPECT_THAT(view_.title(), HasSubstr("block 3: allocation group header"));
    go(view_, "/hello");
    EXPECT_THAT(view_.title(), HasSubstr(fmt::format("inode {}", rich_inode("/hello"))));
    go(view_, "journal 1");
    EXPECT_THAT(view_.title(), HasSubstr("journal"));
    go(view_, "ag 0");
    EXPECT_THAT(view_.title(), HasSubstr("block 3"));
    go(view_, "ag 5");
    EXPECT_THAT(screen(view_), HasSubstr("no ag 5"));
    go(view_, "/nowhere");
    EXPECT_THAT(screen(view_), HasSubstr("no such file"));
    type(view_, "gxyz");
    press(view_, {Key::kBackspace});
    EXPECT_THAT(screen(view_), HasSubstr("journal N): xy"));
    press(view_, {Key::kEscape});
    EXPECT_THAT(screen(view_), HasSubstr("Enter follow"));
}

TEST_F(ViewTest, ABlockOutsideTheDeviceIsSaidSo) {
    go(view_, "18446744073709551615");
    EXPECT_THAT(view_.title(), HasSubstr("outside the device"));
    press(view_, {Key::kTab, Key::kDown, Key::kEnter});
    EXPECT_THAT(screen(view_), HasSubstr("outside the device"));
}

TEST_F(ViewTest, DrawsItselfAtAnySize) {
    for (const int width : {0, 1, 2, 10, 49, 50, 80, 110, 500})
        for (const int height : {0, 1, 2, 3, 5, 24, 200}) {
            const Grid grid = view_.render(width, height);
            EXPECT_EQ(grid.width(), width);
            EXPECT_EQ(grid.height(), height);
        }
    EXPECT_EQ(view_.render(-1, -1).width(), 0);
}

TEST_F(ViewTest, ANarrowTerminalShowsOnePaneAtATime) {
    EXPECT_THAT(screen(view_, 40, 24), Not(HasSubstr("block_count")));
    press(view_, {Key::kTab});
    EXPECT_THAT(screen(view_, 40, 24), HasSubstr("block_count"));
    EXPECT_THAT(screen(view_, 40, 24), Not(HasSubstr("allocation groups")));
}

TEST_F(ViewTest, ScrollsWithTheSelection) {
    press(view_, {Key::kTab, Key::kEnd});
    EXPECT_THAT(screen(view_, 80, 10), HasSubstr("label"));
    press(view_, {Key::kHome});
    EXPECT_THAT(screen(view_, 80, 10), HasSubstr("magic"));
}

TEST_F(ViewTest, QuitsOnQ) {
    EXPECT_FALSE(view_.done());
    type(view_, "q");
    EXPECT_TRUE(view_.done());
}

TEST(ViewOnDamage, AWrongChecksumIsMarked) {
    std::vector<std::byte> bytes = rich_bytes();
    bytes[3 * DAXFS_BLOCK_SIZE + 40] ^= std::byte{1};
    const Session session = session_of(Image::from_bytes(bytes), std::nullopt, false).value();
    View view(session);
    go(view, "ag 0");
    EXPECT_THAT(screen(view), HasSubstr("<- wrong: computed 0x"));
}

TEST(Grid, ClipsAndReplacesWhatIsNotOneColumnWide) {
    Grid grid(6, 1);
    EXPECT_EQ(grid.put(0, 0, "ab\x1b\xff", Style::kPlain, 10), 4);
    EXPECT_EQ(grid.line(0), "ab??");
    grid.put(4, 0, "xyz", Style::kBold, 10);
    EXPECT_EQ(grid.line(0), "ab??xy");
    grid.put(0, 5, "outside", Style::kBold, 10);
    grid.put(-3, 0, "1234", Style::kBold, 10);
    EXPECT_EQ(grid.line(0), "4b??xy");
}

}  // namespace
}  // namespace daxfs::daxdb

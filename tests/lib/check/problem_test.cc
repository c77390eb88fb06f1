// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/problem.h"

#include <gtest/gtest.h>

#include "lib/check/claims.h"
#include "lib/check/report.h"
#include "tests/images/rich_image.h"

namespace daxfs {
namespace {

TEST(ProblemCatalogue, FillsInEveryMessage) {
    for (const ProblemInfo& problem : problem_catalogue()) {
        const std::string message = message_of({.problem = problem.problem, .detail = "detail", .name = "name"});
        EXPECT_EQ(message.find('{'), std::string::npos) << problem.name;
        EXPECT_NE(std::string_view(problem.explanation), "") << problem.name;
    }
}

TEST(ProblemCatalogue, KeepsControlCharactersOfNamesOffTheTerminal) {
    const std::string message = message_of({.problem = Problem::kDuplicateName, .name = "a\x1b[2Jb"});
    EXPECT_EQ(message.find('\x1b'), std::string::npos);
    // C1, which terminals obey too, and what is no UTF-8.
    EXPECT_EQ(message_of({.problem = Problem::kDuplicateName, .name = "a\xc2\x9b\x32Jb\xff\xc3\xa4"}),
              "inode 0: entry 'a\\xc2\\x9b2Jb\\xff\xc3\xa4' is there twice");
}

TEST(Report, CountsWhatItDoesNotKeep) {
    Report report;
    for (int i = 0; i < 700; ++i)
        report.add({.problem = Problem::kEntryDamaged, .ino = InodeNo{77}});
    EXPECT_EQ(report.findings().size(), Report::kMaxPerPlace);
    EXPECT_EQ(report.total(), 700u);
    EXPECT_EQ(report.left_out(), 700u - Report::kMaxPerPlace);
    Report after;
    after.add({.problem = Problem::kEntryDamaged, .ino = InodeNo{77}});
    report.settle(after);
    EXPECT_EQ(report.unfixed(), 1u);
    report.settle(Report());
    EXPECT_EQ(report.unfixed(), 0u);
}

TEST(ClaimMap, SeesASecondClaimOfEveryBlock) {
    const Image image = test::rich_image().image();
    const Volume volume = test::must(open_volume(image));
    ClaimMap claims(volume);
    const BlockNo start = volume.geometry.ag_start(AgNo{0}) + 1000;
    claims.claim(start, 300, InodeNo{1});
    claims.claim(start + 100, 150, InodeNo{2});
    ASSERT_EQ(claims.collisions().size(), 1u);
    EXPECT_EQ(claims.collisions()[0].start, start + 100);
    EXPECT_EQ(claims.collisions()[0].length, 150u);
    claims.release(start, 300);
    EXPECT_FALSE(claims.is_claimed(start + 299));
    EXPECT_TRUE(claims.is_claimed(volume.geometry.ag_header(AgNo{1})));
}

}  // namespace
}  // namespace daxfs

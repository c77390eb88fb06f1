// SPDX-License-Identifier: GPL-2.0-or-later
// Markers, the console, the frames between host and guest, and a kernel image's header.
#include <gmock/gmock.h>

#include "cmd/daxlive/console.h"
#include "cmd/daxlive/cut.h"
#include "cmd/daxlive/kernels.h"
#include "cmd/daxlive/protocol.h"

namespace daxfs::live {
namespace {

TEST(Cut, DigitsAreATimeAndAnythingElseIsALine) {
    EXPECT_EQ(std::get<CutAfterTime>(parse_cut("250")).delay.count(), 250);
    EXPECT_EQ(std::get<CutAtMarker>(parse_cut("250 ms")).line, "250 ms");
    EXPECT_EQ(std::get<CutAtMarker>(parse_cut("-1")).line, "-1");
    EXPECT_EQ(std::get<CutAtMarker>(parse_cut("99999999999999999999")).line, "99999999999999999999");
}

TEST(MarkerWatch, FindsAWholeLineHoweverTheBytesArrive) {
    MarkerWatch watch("cut now");
    for (const char* piece : {"cut no", "t\n", "xcut now\n", "cut now and then\n", "cut"})
        EXPECT_FALSE(watch.feed(piece)) << piece;
    EXPECT_FALSE(watch.feed(" now"));
    EXPECT_TRUE(watch.feed("\nmore"));
    EXPECT_TRUE(watch.feed("still"));
}

TEST(MarkerWatch, TakesATerminalsLineEnd) {
    EXPECT_TRUE(MarkerWatch("go").feed("go\r\n"));
}

TEST(Console, NoticesEveryKindOfKernelReport) {
    for (const char* line : {
             "[    9.263716] Kernel panic - not syncing: sysrq triggered crash",
             "[ 1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000",
             "[ 1.0] Oops: 0002 [#1] PREEMPT SMP NOPTI",
             "WARNING: CPU: 0 PID: 1 at fs/daxfs/map.c:3 daxfs_map+0x1/0x2",
             "[ 1.0] WARNING: possible circular locking dependency detected",
             "[ 1.0] INFO: task sh:12 blocked for more than 120 seconds.",
             "[ 1.0] UBSAN: shift-out-of-bounds in x.c:1:2",
         })
        EXPECT_TRUE(is_complaint(line)) << line;
}

TEST(Console, PassesOverWhatAHealthyBootPrints) {
    for (const char* line : {"[    0.040000] tsc: Unable to calibrate against PIT", "", "[", "[ 1.0] ",
                             "Spectre V2 : WARNING: Unprivileged eBPF is enabled",
                             "[ 1.0] kmemleak: Kernel memory leak "
                             "detector initialized",
                             "[ 1.0] INFO: task scheduler ready"})
        EXPECT_FALSE(is_complaint(line)) << line;
}

TEST(ConsoleWatch, KeepsTheReportAndWhatFollowsWithinBounds) {
    ConsoleWatch watch;
    watch.feed("[ 0.1] fine\r\n[ 0.2] WARNING: CPU: 0 PID: 1 at x\n");
    for (int i = 0; i < 1000; ++i)
        watch.feed("line\n" + std::string(100, 'y'));
    EXPECT_TRUE(watch.complained());
    EXPECT_FALSE(watch.died());
    EXPECT_EQ(watch.report().front(), "[ 0.2] WARNING: CPU: 0 PID: 1 at x");
    EXPECT_EQ(watch.report().size(), ConsoleWatch::kReportLines);
    EXPECT_EQ(watch.tail().size(), ConsoleWatch::kTailLines);
    watch.feed("\nKernel panic - not syncing: Fatal exception\n");
    EXPECT_TRUE(watch.died());
}

TEST(Frames, AreReadAsTheyWereWrittenWhateverTheCuts) {
    const std::string bytes = encode_frame(Frame::kOutput, std::string(1000, 'a')) + encode_frame(Frame::kExit, "7");
    for (std::size_t step = 1; step < 40; step += 7) {
        FrameReader reader;
        std::vector<FrameReader::Message> messages;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            reader.feed(bytes.substr(at, step));
            while (auto message = reader.next())
                messages.push_back(*message);
        }
        ASSERT_EQ(messages.size(), 2U);
        EXPECT_EQ(messages[0].payload, std::string(1000, 'a'));
        EXPECT_EQ(messages[1].type, Frame::kExit);
        EXPECT_EQ(messages[1].payload, "7");
    }
}

TEST(Frames, StopAtALengthThatCannotBe) {
    FrameReader reader;
    reader.feed(std::string("O\xff\xff\xff\xff", 5));
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.bad());
}

TEST(BzImage, TellsItsRelease) {
    std::string image(0x400, '\0');
    image.replace(0x202, 4, "HdrS");
    image[0x20e] = '\x10';
    image[0x20f] = '\x01';
    image.replace(0x310, 18, "6.12.9-test (gcc) ");
    EXPECT_EQ(release_of_bzimage(image).value(), "6.12.9-test");
}

TEST(BzImage, RefusesAnythingElse) {
    EXPECT_FALSE(release_of_bzimage(""));
    EXPECT_FALSE(release_of_bzimage(std::string(0x400, '\0')));
    std::string image(0x210, '\0');
    image.replace(0x202, 4, "HdrS");
    image[0x20e] = image[0x20f] = '\xff';
    EXPECT_FALSE(release_of_bzimage(image));
    image.resize(0x400);
    image[0x20e] = image[0x20f] = '\x01';
    image.replace(0x301, 10, "../escape ");
    EXPECT_FALSE(release_of_bzimage(image));
}

}  // namespace
}  // namespace daxfs::live

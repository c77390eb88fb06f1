// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/profile/stacks.h"

#include <gmock/gmock.h>

#include <deque>
#include <sstream>

namespace daxfs::bench {
namespace {

// A kernel of a few functions. Each test says which instructions run, one after the other.
class StacksTest : public testing::Test {
  protected:
    void run(std::uint64_t pc, Transfer transfer = Transfer::kNone) {
        stacks_.step(instructions_.emplace_back(Instruction{pc, 4, transfer, &symbols_.at(pc)}));
    }
    std::string folded() const {
        std::ostringstream out;
        stacks_.write_folded(out);
        return out.str();
    }

    static constexpr std::uint64_t kKernel = 0xffffffff81000000, kUser = 0x401000;
    static constexpr std::uint64_t kSyscall = kKernel, kFault = kKernel + 0x100, kTimer = kKernel + 0x200,
                                   kOpen = kKernel + 0x300, kCreate = kKernel + 0x400, kColdOpen = kKernel + 0x500,
                                   kSwitch = kKernel + 0x600, kWorker = kKernel + 0x700;
    std::istringstream kallsyms_{
        "ffffffff81000000 T entry_SYSCALL_64\n"
        "ffffffff81000100 T asm_exc_page_fault\n"
        "ffffffff81000200 T asm_sysvec_apic_timer_interrupt\n"
        "ffffffff810002f0 t __pfx_vfs_open\n"
        "ffffffff81000300 T __vfs_open\n"
        "ffffffff81000300 T vfs_open\n"
        "ffffffff81000400 t daxfs_create\t[daxfs]\n"
        "ffffffff81000500 t vfs_open.cold\n"
        "ffffffff81000600 T __switch_to\n"
        "ffffffff81000680 D some_data\n"
        "ffffffff81000700 t worker_thread\n"};
    Symbols symbols_{kallsyms_};
    Stacks stacks_;
    std::deque<Instruction> instructions_;
};

TEST_F(StacksTest, CallsPushAndReturnsPop) {
    run(kUser);
    run(kSyscall, Transfer::kCall);
    run(kOpen, Transfer::kCall);
    run(kCreate, Transfer::kReturn);
    run(kOpen + 4, Transfer::kReturn);
    run(kSyscall + 4, Transfer::kInterruptReturn);
    run(kUser + 4);
    EXPECT_EQ(folded(),
              "daxbench 2\n"
              "daxbench;entry_SYSCALL_64 2\n"
              "daxbench;entry_SYSCALL_64;vfs_open 2\n"
              "daxbench;entry_SYSCALL_64;vfs_open;daxfs_create [daxfs] 1\n");
    EXPECT_EQ(stacks_.total(), 7u);
}

TEST_F(StacksTest, ATailCallTakesTheFrameAndColdPartsBelongToTheirFunction) {
    run(kSyscall, Transfer::kCall);
    run(kOpen);
    run(kColdOpen);
    run(kCreate, Transfer::kReturn);
    run(kSyscall + 4);
    EXPECT_EQ(folded(),
              "entry_SYSCALL_64 2\n"
              "entry_SYSCALL_64;daxfs_create [daxfs] 1\n"
              "entry_SYSCALL_64;vfs_open 2\n");
}

TEST_F(StacksTest, AFaultNestsAndAnInterruptStandsAlone) {
    run(kOpen);
    run(kFault, Transfer::kInterruptReturn);
    run(kOpen, Transfer::kCall);
    // Before the first instruction of what is called.
    run(kTimer, Transfer::kCall);
    run(kWorker, Transfer::kReturn);
    run(kTimer + 4, Transfer::kInterruptReturn);
    run(kCreate, Transfer::kReturn);
    run(kOpen + 4);
    EXPECT_EQ(folded(),
              "[interrupts];asm_sysvec_apic_timer_interrupt 2\n"
              "[interrupts];asm_sysvec_apic_timer_interrupt;worker_thread 1\n"
              "vfs_open 3\n"
              "vfs_open;asm_exc_page_fault 1\n"
              "vfs_open;daxfs_create [daxfs] 1\n");
}

TEST_F(StacksTest, EachTaskKeepsItsStack) {
    run(kSyscall, Transfer::kCall);
    run(kOpen, Transfer::kCall);
    stacks_.name_task(1);
    run(kSwitch, Transfer::kReturn);
    stacks_.switch_task(2);
    run(kWorker, Transfer::kCall);
    stacks_.name_task(2);
    run(kSwitch, Transfer::kReturn);
    stacks_.switch_task(1);
    run(kOpen + 4);
    EXPECT_EQ(folded(),
              "[other tasks];worker_thread 1\n"
              "[other tasks];worker_thread;__switch_to 1\n"
              "entry_SYSCALL_64 1\n"
              "entry_SYSCALL_64;vfs_open 2\n"
              "entry_SYSCALL_64;vfs_open;__switch_to 1\n");
}

TEST_F(StacksTest, AReturnToNobodyFindsTheCaller) {
    run(kCreate, Transfer::kReturn);
    run(kOpen + 4);
    EXPECT_EQ(folded(), "daxfs_create [daxfs] 1\nvfs_open 1\n");
}

TEST(TransferOf, KnowsCallsAndReturnsWithPrefixes) {
    const auto of = [](std::vector<std::uint8_t> bytes) { return transfer_of(bytes); };
    EXPECT_EQ(of({0xe8, 1, 2, 3, 4}), Transfer::kCall);
    EXPECT_EQ(of({0x2e, 0xe8, 1, 2, 3, 4}), Transfer::kCall);
    EXPECT_EQ(of({0x41, 0xff, 0xd3}), Transfer::kCall);  // call *%r11
    EXPECT_EQ(of({0xff, 0x14, 0xc5, 0, 0, 0, 0x82}), Transfer::kCall);
    EXPECT_EQ(of({0xff, 0xe0}), Transfer::kNone);  // jmp *%rax
    EXPECT_EQ(of({0xe9, 1, 2, 3, 4}), Transfer::kNone);
    EXPECT_EQ(of({0xf3, 0xc3}), Transfer::kReturn);
    EXPECT_EQ(of({0x48, 0xcf}), Transfer::kInterruptReturn);
    EXPECT_EQ(of({0x48, 0x0f, 0x07}), Transfer::kInterruptReturn);
    EXPECT_EQ(of({0x0f, 0x1f, 0x80, 0, 0, 0, 0}), Transfer::kNone);
}

}  // namespace
}  // namespace daxfs::bench

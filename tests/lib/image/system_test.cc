// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's facts, from a made-up /proc and /sys. The device is one that exists on every machine that has a block
// device; where there is none, a file stands for it.
#include "lib/image/system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/image/sysfs.h"

namespace daxfs {
namespace {

namespace fs = std::filesystem;
using Answer = HugePageVerdict::Answer;

class System : public testing::Test {
  protected:
    void SetUp() override {
        root_ = testing::TempDir() + "system_test_" + std::to_string(getpid());
        paths_ = {.proc = root_ + "/proc", .sys = root_ + "/sys"};
        fs::create_directories(paths_.sys + "/dev/block");
        fs::create_directories(paths_.proc + "/self");
        image_ = root_ + "/image";
        write(image_, "x");
    }
    void TearDown() override { fs::remove_all(root_); }

    static void write(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text << '\n';
    }

    // sysfs of a pmem disk with device number 259:0 below `provider`, and of its first partition, 259:1.
    void add_pmem(const std::string& provider, const std::string& dax) {
        const fs::path disk = fs::path(paths_.sys) / "devices/ndbus0/region0" / provider / "block/pmem0";
        write(disk / "queue/dax", dax);
        write(disk / "dev", "259:0");
        write(disk / "pmem0p1/partition", "1");
        write(disk / "pmem0p1/dev", "259:1");
        fs::create_directory_symlink(disk, paths_.sys + "/dev/block/259:0");
        fs::create_directory_symlink(disk / "pmem0p1", paths_.sys + "/dev/block/259:1");
        disk_ = disk;
    }
    fs::path provider() const { return disk_.parent_path().parent_path(); }

    HugePageVerdict verdict(unsigned minor) const {
        return huge_page_verdict_of(makedev(259, minor), "/dev/pmem0", paths_);
    }

    std::string root_;
    std::string image_;
    SystemPaths paths_;
    fs::path disk_;
};

TEST_F(System, AnAlignedFsdaxNamespaceGivesHugePages) {
    add_pmem("pfn0.0", "1");
    write(provider() / "resource", "0x240200000");
    const auto found = verdict(0);
    EXPECT_EQ(found.answer, Answer::kYes);
    EXPECT_EQ(found.physical_start, 0x240200000u);
    EXPECT_EQ(found.command, "");
}

TEST_F(System, APartitionAddsItsStart) {
    add_pmem("pfn0.0", "1");
    write(provider() / "resource", "0x240200000");
    write(disk_ / "pmem0p1/start", "2048");
    const auto found = verdict(1);
    EXPECT_EQ(found.answer, Answer::kYes);
    EXPECT_EQ(found.physical_start, 0x240200000u + (1u << 20));
    EXPECT_THAT(found.reason, testing::HasSubstr("1024 KiB behind a 2 MiB boundary"));
}

TEST_F(System, AFilesystemMadeForAnotherStartHasNoHugePages) {
    add_pmem("pfn0.0", "1");
    write(provider() / "resource", "0x240100000");
    EXPECT_EQ(fit_to_filesystem(verdict(0), 256).answer, Answer::kYes);
    const auto found = fit_to_filesystem(verdict(0), 0);
    EXPECT_EQ(found.answer, Answer::kNo);
    EXPECT_THAT(found.reason, testing::HasSubstr("1024 KiB behind a 2 MiB boundary"));
    EXPECT_THAT(found.command, testing::HasSubstr("--align 256"));
    EXPECT_EQ(fit_to_filesystem(huge_page_verdict(image_, paths_), 8).answer, Answer::kUnknown);
}

TEST_F(System, APartitionThatStartsInsideAPageHasNoDax) {
    add_pmem("pfn0.0", "1");
    write(provider() / "resource", "0x240200000");
    write(disk_ / "pmem0p1/start", "63");
    const auto found = verdict(1);
    EXPECT_EQ(found.answer, Answer::kNo);
    EXPECT_THAT(found.reason, testing::HasSubstr("sector 63"));
    EXPECT_THAT(found.command, testing::HasSubstr("parted"));
    EXPECT_TRUE(found.refused);
}

TEST_F(System, APartitionThatEndsInsideAPageHasNoDax) {
    add_pmem("pfn0.0", "1");
    write(provider() / "resource", "0x240200000");
    write(disk_ / "pmem0p1/start", "2048");
    write(disk_ / "pmem0p1/size", "299999");
    const auto found = verdict(1);
    EXPECT_EQ(found.answer, Answer::kNo);
    EXPECT_THAT(found.reason, testing::HasSubstr("299999 sectors"));
    EXPECT_TRUE(found.refused);
    write(disk_ / "pmem0p1/size", "300000");
    EXPECT_EQ(verdict(1).answer, Answer::kYes);
    EXPECT_FALSE(verdict(1).refused);
}

TEST_F(System, ARawNamespaceWithoutStructPagesIsToBeMadeFsdax) {
    add_pmem("namespace0.0", "0");
    const auto found = verdict(0);
    EXPECT_EQ(found.answer, Answer::kNo);
    EXPECT_THAT(found.reason, testing::HasSubstr("raw mode"));
    EXPECT_EQ(found.command, "ndctl create-namespace -f -e namespace0.0 -m fsdax -a 2M");
}

TEST_F(System, ASectorModeNamespaceIsToBeMadeFsdax) {
    add_pmem("btt0.0", "0");
    write(provider() / "namespace", "namespace0.3");
    const auto found = verdict(0);
    EXPECT_THAT(found.reason, testing::HasSubstr("BTT"));
    EXPECT_EQ(found.command, "ndctl create-namespace -f -e namespace0.3 -m fsdax -a 2M");
}

TEST_F(System, AnAddressThatIsNotToldIsTakenAsAlignedAndSaidToBe) {
    add_pmem("namespace0.0", "1");
    write(disk_ / "pmem0p1/start", "2048");
    const auto found = verdict(1);
    EXPECT_EQ(found.answer, Answer::kUnknown);
    EXPECT_EQ(found.physical_start, 1u << 20);
}

TEST_F(System, ADeviceOfOtherDevicesAndAFileAreUnknown) {
    add_pmem("virtual", "1");
    write(disk_ / "dm/name", "lv");
    EXPECT_EQ(verdict(0).answer, Answer::kUnknown);
    EXPECT_EQ(huge_page_verdict(image_, paths_).answer, Answer::kUnknown);
    EXPECT_EQ(verdict(9).answer, Answer::kUnknown);
}

TEST_F(System, AMountOfTheDeviceOrOfItsPartitionIsFound) {
    add_pmem("pfn0.0", "1");
    EXPECT_EQ(block_device_in_use_by("/dev/pmem0", makedev(259, 0), paths_), std::nullopt);
    write(paths_.proc + "/self/mountinfo", "36 35 259:1 / /mnt/my\\040data rw,noatime shared:1 - ext4 /dev/pmem0p1 rw");
    EXPECT_EQ(block_device_in_use_by("/dev/pmem0", makedev(259, 0), paths_), "mounted on /mnt/my data");
    EXPECT_EQ(block_device_in_use_by("/dev/pmem0p1", makedev(259, 1), paths_), "mounted on /mnt/my data");
}

TEST_F(System, ADirectoryLeadsToTheDeviceOfItsFilesystem) {
    struct stat st {};
    ASSERT_EQ(stat(root_.c_str(), &st), 0);
    const std::string mount = "36 25 " + sysfs::device_id(st.st_dev) + " / /mnt rw - ";
    write(paths_.proc + "/self/mountinfo", "35 25 0:99 / /mnt rw - daxfs /dev/pmem3 rw");
    EXPECT_EQ(mounted_device(root_, paths_), std::nullopt);
    write(paths_.proc + "/self/mountinfo", mount + "tmpfs none rw");
    EXPECT_EQ(mounted_device(root_, paths_), std::nullopt);
    write(paths_.proc + "/self/mountinfo", mount + "daxfs /dev/pmem\\0407 rw");
    EXPECT_EQ(mounted_device(root_, paths_), "/dev/pmem 7");
    EXPECT_EQ(mounted_device(image_, paths_), std::nullopt);
}

TEST_F(System, AHolderIsNamed) {
    add_pmem("pfn0.0", "1");
    fs::create_directories(disk_ / "holders/dm-0");
    EXPECT_EQ(block_device_in_use_by("/dev/pmem0", makedev(259, 0), paths_), "in use by dm-0");
}

TEST_F(System, AFileThatBacksAMountedLoopDeviceOrIsSwapIsInUse) {
    EXPECT_EQ(in_use_by(image_, paths_), std::nullopt);
    write(paths_.sys + "/block/loop3/loop/backing_file", image_);
    write(paths_.sys + "/block/loop3/dev", "7:3");
    EXPECT_EQ(in_use_by(image_, paths_), std::nullopt);
    write(paths_.proc + "/self/mountinfo", "36 35 7:3 / /mnt rw - ext4 /dev/loop3 rw");
    EXPECT_EQ(in_use_by(image_, paths_), "mounted on /mnt through loop3");
    write(paths_.proc + "/self/mountinfo", "");
    write(paths_.proc + "/swaps", "Filename\tType\tSize\tUsed\tPriority\n" + image_ + "  file  1 0 -2");
    EXPECT_EQ(in_use_by(image_, paths_), "in use as swap");
}

TEST_F(System, NumbersInSysfsAreDecimalOrHexadecimalAndNothingElse) {
    write(root_ + "/n", "0x10");
    EXPECT_EQ(sysfs::read_number(root_ + "/n"), 16u);
    write(root_ + "/n", "12");
    EXPECT_EQ(sysfs::read_number(root_ + "/n"), 12u);
    write(root_ + "/n", "12 pages");
    EXPECT_EQ(sysfs::read_number(root_ + "/n"), std::nullopt);
    EXPECT_EQ(sysfs::read_number(root_ + "/none"), std::nullopt);
}

}  // namespace
}  // namespace daxfs

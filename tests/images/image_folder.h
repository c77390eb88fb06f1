// SPDX-License-Identifier: GPL-2.0-or-later
// Images as files, for the tests of tools: a folder that goes with the test.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/images/broken_images.h"

namespace daxfs::test {

class ImageFolder : public testing::Test {
  protected:
    ImageFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "daxfs-tool-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~ImageFolder() override { std::filesystem::remove_all(folder_); }

    // FOLDER/image; what lies behind `size_bytes` is left out.
    std::string write(const Blocks& blocks, std::uint64_t size_bytes = rich_image().size_bytes) const {
        const std::string path = folder_ + "/image";
        std::ofstream file(path, std::ios::binary);
        for (const auto& [number, block] : blocks) {
            if ((number.value + 1) * DAXFS_BLOCK_SIZE > size_bytes)
                continue;
            file.seekp(static_cast<std::streamoff>(number.value * DAXFS_BLOCK_SIZE));
            file.write(reinterpret_cast<const char*>(block.bytes), DAXFS_BLOCK_SIZE);
        }
        file.close();
        std::filesystem::resize_file(path, size_bytes);
        return path;
    }
    // The same with the damage of that name.
    std::string broken(std::string_view name) const {
        ImageEditor editor;
        for (const BrokenImage& image : broken_images()) {
            if (image.name == name)
                image.damage(editor);
        }
        return write(editor.blocks());
    }
    static std::string read(const std::string& path) {
        std::string bytes(std::filesystem::file_size(path), '\0');
        std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return bytes;
    }

    std::string folder_;
};

}  // namespace daxfs::test

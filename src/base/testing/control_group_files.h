// The files of control groups, for tests.
#ifndef MILLRACE_BASE_TESTING_CONTROL_GROUP_FILES_H_
#define MILLRACE_BASE_TESTING_CONTROL_GROUP_FILES_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace millrace {

// A folder that stands for the root of the file system.
class ControlGroupTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-cgroup-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Put(const std::string& path, const std::string& content) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content << "\n";
  }

  std::string root_;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_TESTING_CONTROL_GROUP_FILES_H_

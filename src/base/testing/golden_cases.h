// Reads the cases of a golden test from a text file:
//
//   === name of the case
//   --- name of a section
//   lines of the section
//
// Blank lines are left out; what stands before the first case is a comment.
#ifndef MILLRACE_BASE_TESTING_GOLDEN_CASES_H_
#define MILLRACE_BASE_TESTING_GOLDEN_CASES_H_

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace millrace {

struct GoldenCase {
  std::string name;
  std::map<std::string, std::string> sections;  // each line ends with '\n'

  // Empty if the case has no such section.
  std::string Section(const std::string& section) const {
    const auto found = sections.find(section);
    return found == sections.end() ? std::string() : found->second;
  }
};

// A file without a case is a failure of the test.
inline std::vector<GoldenCase> ReadGoldenCases(const std::string& path) {
  std::vector<GoldenCase> cases;
  std::ifstream file(path);
  std::string* section = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      cases.push_back({line.substr(4), {}});
      section = nullptr;
    } else if (line.starts_with("--- ") && !cases.empty()) {
      section = &cases.back().sections[line.substr(4)];
    } else if (section != nullptr && !line.empty()) {
      *section += line + "\n";
    }
  }
  EXPECT_FALSE(cases.empty()) << path;
  return cases;
}

}  // namespace millrace

#endif  // MILLRACE_BASE_TESTING_GOLDEN_CASES_H_

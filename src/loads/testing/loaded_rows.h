// What a stand-in for a warehouse has loaded.
#ifndef MILLRACE_LOADS_TESTING_LOADED_ROWS_H_
#define MILLRACE_LOADS_TESTING_LOADED_ROWS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "formats/row_reader.h"

namespace millrace::loads {

// Counts the rows of files; a bad one fails the test.
class LoadedRows : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    ++rows;
    for (size_t i = 0; i < row.values.size(); ++i) {
      if (row.shape->names[i] == "distinct_id") ++ids[std::string(row.values[i].text)];
    }
  }
  void OnBadRow(uint64_t, const absl::Status& why, std::string_view) override {
    ADD_FAILURE() << why;
  }
  std::map<std::string, int> ids;  // how often each distinct_id is there
  uint64_t rows = 0;
};

}  // namespace millrace::loads

#endif  // MILLRACE_LOADS_TESTING_LOADED_ROWS_H_

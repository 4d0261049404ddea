#include "generate/testing/read_rows.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "formats/testing/read_file.h"

namespace millrace {

std::vector<std::string> ReadRows(const std::string& path) {
  class Collector : public RowVisitor {
   public:
    void OnRow(const Row& row) override {
      std::string line;
      for (size_t i = 0; i < row.values.size(); ++i) {
        if (row.values[i].is_null()) continue;
        ByteBuffer text;
        AppendPlainText(text, row.values[i]);
        StrAppend(&line, row.shape->names[i], "=", text.view(), "|");
      }
      rows.push_back(line);
    }
    void OnBadRow(uint64_t number, const absl::Status& why, std::string_view) override {
      ADD_FAILURE() << "row " << number << ": " << why;
    }
    std::vector<std::string> rows;
  };

  Collector collector;
  ReadFile(path, collector);
  return collector.rows;
}

}  // namespace millrace

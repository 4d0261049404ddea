#include "generate/testing/read_rows.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "formats/row_reader.h"
#include "io/object_store.h"

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

  auto store = NewLocalObjectStore();
  ObjectInfo info;
  EXPECT_TRUE(store
                  ->List(path,
                         [&](const ObjectInfo& object) {
                           info = object;
                           return absl::OkStatus();
                         })
                  .ok());
  auto object = store->Open(info);
  EXPECT_TRUE(object.ok()) << object.status();
  auto reader = OpenRows(std::shared_ptr<ObjectReader>(*std::move(object)), {});
  EXPECT_TRUE(reader.ok()) << reader.status();
  Collector collector;
  DecodeScratch scratch;
  while (reader.ok()) {
    auto chunk = (*reader)->Read({});
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    if (!chunk.ok() || *chunk == nullptr) break;
    (*chunk)->ForEachRow(scratch, collector);
  }
  return collector.rows;
}

}  // namespace millrace

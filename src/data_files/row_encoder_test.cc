#include "data_files/row_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "data_files/packed_row.h"

namespace millrace::data_files {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kEvent[] =
    R"({"event":"Buy","properties":{"time":1796008365,"distinct_id":"u1","n":7,"p":1.5,"b":true}})";
const absl::Time kNow = absl::FromUnixSeconds(1796100000);

constexpr FileFormat kParquet = FileFormat::kParquet, kNdjson = FileFormat::kNdjsonGz;

FileLayout Layout(FileFormat format, Form form, bool by_arrival = false,
                  std::string_view path = "dt={date}") {
  return {.format = format,
          .form = form,
          .path = *PathTemplate::Parse(path),
          .by_arrival = by_arrival,
          .field_ids = {}};
}

// Where the time of an event is found in three ways.
std::vector<FileLayout> Layouts() {
  return {Layout(kParquet, Form::kTable), Layout(kNdjson, Form::kRaw),
          Layout(kNdjson, Form::kFlat)};
}

// An encoder of one layout, and what it makes of a record.
class Encoded {
 public:
  explicit Encoded(FileLayout layout, std::vector<std::string> columns = {},
                   RecordType type = RecordType::kEvent)
      : layout_(std::move(layout)),
        form_(*TableForm::Make(type, std::move(columns))),
        encoder_(NewRowEncoder(layout_, form_)) {}

  bool Append(std::string_view record) { return encoder_->Append(record, kNow, rows_, why_); }
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (size_t i = 0; i < rows_.rows.size(); ++i) lines.emplace_back(rows_.row(i));
    return lines;
  }
  std::string Folder(size_t row = 0) const {
    return layout_.path.FolderOf(rows_.rows[row].partition);
  }
  const RefusedRow& why() const { return why_; }

 private:
  const FileLayout layout_;
  const TableForm form_;
  const std::unique_ptr<RowEncoder> encoder_;
  EncodedRows rows_;
  RefusedRow why_;
};

TEST(RowEncoder, RawIsTheRecord) {
  Encoded rows(Layout(kNdjson, Form::kRaw, /*by_arrival=*/false, "dt={date}/hour={hour}"));
  ASSERT_TRUE(rows.Append(kEvent));
  EXPECT_THAT(rows.Lines(), ElementsAre(StrCat(kEvent, "\n")));
  EXPECT_EQ(rows.Folder(), "dt=2026-11-30/hour=03/");
}

TEST(RowEncoder, FlatHasAPropertyBesideTheOther) {
  Encoded rows(Layout(kNdjson, Form::kFlat));
  ASSERT_TRUE(rows.Append(kEvent));
  EXPECT_THAT(
      rows.Lines(),
      ElementsAre("{\"event\":\"Buy\",\"event_time\":\"2026-11-30T03:12:45.000Z\",\"distinct_id\":"
                  "\"u1\",\"n\":7,\"p\":1.5,\"b\":true}\n"));
}

TEST(RowEncoder, TheTableAsJson) {
  Encoded rows(Layout(kNdjson, Form::kTable), {"n:integer", "p:number", "b:boolean"});
  ASSERT_TRUE(rows.Append(kEvent));
  EXPECT_THAT(rows.Lines(),
              ElementsAre("{\"event\":\"Buy\",\"event_time\":\"2026-11-30T03:12:45.000000Z\","
                          "\"insert_time\":\"2026-12-01T04:40:00.000000Z\",\"distinct_id\":\"u1\","
                          "\"n\":7,\"p\":1.5,\"b\":true}\n"));
}

TEST(RowEncoder, TheTableAsCells) {
  Encoded rows(Layout(kParquet, Form::kTable), {"n:integer", "p:number", "b:boolean", "absent"});
  ASSERT_TRUE(rows.Append(kEvent));
  const std::string packed = rows.Lines()[0];
  std::string_view left = packed;
  std::vector<std::string> cells;
  for (std::string_view cell; !left.empty();) {
    cells.emplace_back(TakePackedCell(left, cell) ? std::string(cell) : "null");
  }
  ASSERT_EQ(cells.size(), 13u);
  EXPECT_EQ(cells[0], "Buy");
  EXPECT_EQ(cells[1].size(), 8u);
  EXPECT_EQ(cells[3], "null") << "token";
  EXPECT_EQ(cells[8], "null") << "no property is left";
  double number = 0;
  std::memcpy(&number, cells[10].data(), sizeof(number));
  EXPECT_EQ(number, 1.5);
  EXPECT_EQ(cells[11][0], 1);
  EXPECT_EQ(cells[12], "null");
}

TEST(RowEncoder, AnUpdateIsARowForEachOperationByArrival) {
  Encoded rows(Layout(kNdjson, Form::kFlat), {}, RecordType::kUser);
  ASSERT_TRUE(rows.Append(R"({"$distinct_id":"u","$set":{"a":1},"$unset":["b"]})"));
  EXPECT_EQ(rows.Lines().size(), 2u);
  EXPECT_EQ(rows.Folder(1), "dt=2026-12-01/");
}

TEST(RowEncoder, ByArrivalTheTimeOfTheEventDoesNotCount) {
  Encoded rows(Layout(kNdjson, Form::kRaw, /*by_arrival=*/true));
  ASSERT_TRUE(rows.Append(R"({"event":"e","properties":{"time":"never"}})"));
  EXPECT_EQ(rows.Folder(), "dt=2026-12-01/");
}

TEST(RowEncoder, AnEventWithoutATimeHasAFolder) {
  for (const FileLayout& layout : Layouts()) {
    for (const char* record :
         {R"({"event":"e","properties":{}})", R"({"event":"e","properties":{"time":null}})"}) {
      Encoded rows(layout);
      ASSERT_TRUE(rows.Append(record)) << NameOf(layout.form) << record;
      EXPECT_EQ(rows.Folder(), "dt=__HIVE_DEFAULT_PARTITION__/") << NameOf(layout.form) << record;
    }
  }
}

TEST(RowEncoder, ATimeThatIsNoneIsRefused) {
  for (const FileLayout& layout : Layouts()) {
    for (const char* time : {"\"yesterday\"", "{}", "\"20000-01-01T00:00:00Z\"", "-99999999999"}) {
      Encoded rows(layout);
      EXPECT_FALSE(rows.Append(StrCat("{\"event\":\"e\",\"properties\":{\"time\":", time, "}}")))
          << NameOf(layout.form) << time;
      EXPECT_NE(rows.why().code, "");
      EXPECT_NE(rows.why().message, "");
    }
    Encoded rows(layout);
    EXPECT_FALSE(rows.Append("[]"));
    EXPECT_EQ(rows.why().code, "invalid_record");
  }
}

}  // namespace
}  // namespace millrace::data_files

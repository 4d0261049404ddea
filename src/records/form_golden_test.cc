// The cases in testdata/*.txt (base/testing/golden_cases.h), with the sections:
//
//   --- record         one line; of events, unless the file is users.txt or groups.txt
//   --- columns        optional: requested columns, one per line
//   --- table          a line for each row: the cells that are not null, name=value, two blanks
//                      between them; insert_time, which is the same in all, is left out
//   --- flat           the rows of the flat form
//
// A record that is refused has "! message" in both.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "base/testing/golden_cases.h"
#include "records/flat_writer.h"
#include "records/table_reader.h"

namespace millrace {
namespace {

const absl::Time kNow = absl::FromUnixMillis(1'796'008'365'123);  // 2026-11-30T03:12:45.123Z

std::string Show(const Column& column, const Cell& cell) {
  switch (column.type) {
    case ColumnType::kText:
    case ColumnType::kNumber:
    case ColumnType::kJson:
      return std::string(cell.text);
    case ColumnType::kInteger:
      return StrCat(cell.integer);
    case ColumnType::kBoolean:
      return cell.integer == 1 ? "true" : "false";
    case ColumnType::kTime:
      return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(cell.integer),
                              absl::UTCTimeZone());
  }
  return "";
}

std::string Refusal(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return StrCat("! ", ToStd(status.message()), "\n");
}

std::string TableOf(RecordType type, const std::string& record, const std::string& columns) {
  const std::vector<std::string> extra = absl::StrSplit(columns, '\n', absl::SkipEmpty());
  const absl::StatusOr<TableForm> form = TableForm::Make(type, extra);
  if (!form.ok()) return Refusal(form.status());
  TableReader reader(*form);
  std::vector<TableRow> rows;
  std::string text;
  // Twice: what is remembered of the first changes nothing.
  for (int i = 0; i < 2; ++i) {
    text.clear();
    if (const absl::Status status = reader.Read(record, kNow, rows); !status.ok()) {
      EXPECT_TRUE(rows.empty());
      text = Refusal(status);
    }
    for (const TableRow& row : rows) {
      std::string line;
      for (size_t c = 0; c < row.size(); ++c) {
        const Column& column = form->columns()[c];
        if (column.name == "insert_time") {
          EXPECT_EQ(row[c].integer, absl::ToUnixMicros(kNow));
        } else if (!row[c].is_null) {
          StrAppend(&line, line.empty() ? "" : "  ", column.name, "=", Show(column, row[c]));
        }
      }
      text += line + "\n";
    }
  }
  return text;
}

std::string FlatOf(RecordType type, const std::string& record) {
  FlatWriter writer(type);
  ByteBuffer out;
  out.Append("before\n");
  const size_t begin = out.size();
  const absl::StatusOr<size_t> rows = writer.Append(record, out);
  const std::string text(out.view(begin, out.size()));
  if (rows.ok()) {
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), *rows);
    return text;
  }
  EXPECT_EQ(text, "");
  return Refusal(rows.status());
}

class FormGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(FormGoldenTest, Cases) {
  const std::filesystem::path path =
      std::filesystem::path(MILLRACE_SOURCE_DIR) / "src/records/testdata" / (GetParam() + ".txt");
  const RecordType type = GetParam() == "users"    ? RecordType::kUser
                          : GetParam() == "groups" ? RecordType::kGroup
                                                   : RecordType::kEvent;
  for (const GoldenCase& c : ReadGoldenCases(path)) {
    SCOPED_TRACE(c.name);
    std::string record = c.Section("record");
    ASSERT_FALSE(record.empty());
    record.pop_back();
    ASSERT_TRUE(c.sections.contains("table") || c.sections.contains("flat"));
    if (c.sections.contains("table")) {
      EXPECT_EQ(TableOf(type, record, c.Section("columns")), c.Section("table"));
    }
    if (c.sections.contains("flat")) {
      EXPECT_EQ(FlatOf(type, record), c.Section("flat"));
    }
  }
}

RecordType TypeOf(std::string_view record) {
  if (record.starts_with("{\"event\"")) return RecordType::kEvent;
  return record.starts_with("{\"$group_key\"") ? RecordType::kGroup : RecordType::kUser;
}

// The lines "record ...", "table ..." and "flat ..." of the documentation.
TEST(FormDocsTest, ExamplesAreTrue) {
  std::ifstream file(std::filesystem::path(MILLRACE_SOURCE_DIR) / "docs/formats/records.md");
  std::string record, table, flat;
  int examples = 0;
  const auto check = [&] {
    if (record.empty()) return;
    EXPECT_EQ(TableOf(TypeOf(record), record, ""), table);
    EXPECT_EQ(FlatOf(TypeOf(record), record), flat);
    record.clear();
    table.clear();
    flat.clear();
    ++examples;
  };
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("record {")) {
      check();
      record = line.substr(7);
    } else if (line.starts_with("table  ")) {
      table += line.substr(7) + "\n";
    } else if (line.starts_with("flat   ")) {
      flat += line.substr(7) + "\n";
    }
  }
  check();
  EXPECT_EQ(examples, 8);
}

INSTANTIATE_TEST_SUITE_P(Files, FormGoldenTest,
                         testing::Values("events", "users", "groups", "columns"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace millrace

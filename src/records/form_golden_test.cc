// The cases in testdata/*.txt. A file is a list of cases:
//
//   === name
//   --- record         one line; of events, unless the file is users.txt or groups.txt
//   --- columns        optional: requested columns, one per line
//   --- table          a line for each row: the cells that are not null, name=value, two blanks
//                      between them; insert_time, which is the same in all, is left out
//   --- flat           the rows of the flat form
//
// A record that is refused has "! message" in both. Blank lines are left out; what stands before
// the first case is a comment.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "records/flat_writer.h"
#include "records/table_reader.h"

namespace millrace {
namespace {

const absl::Time kNow = absl::FromUnixMillis(1'796'008'365'123);  // 2026-11-30T03:12:45.123Z

struct Case {
  std::string name;
  std::map<std::string, std::string> sections;
};

std::vector<Case> ReadCases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  std::string* section = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      cases.push_back({line.substr(4), {}});
      section = nullptr;
    } else if (line.starts_with("--- ")) {
      section = &cases.back().sections[line.substr(4)];
    } else if (section != nullptr && !line.empty()) {
      *section += line + "\n";
    }
  }
  return cases;
}

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
  const std::vector<Case> cases = ReadCases(path);
  ASSERT_FALSE(cases.empty()) << path;
  const RecordType type = GetParam() == "users"    ? RecordType::kUser
                          : GetParam() == "groups" ? RecordType::kGroup
                                                   : RecordType::kEvent;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto section = [&](const std::string& name) {
      const auto found = c.sections.find(name);
      return found == c.sections.end() ? std::string() : found->second;
    };
    std::string record = section("record");
    ASSERT_FALSE(record.empty());
    record.pop_back();
    ASSERT_TRUE(c.sections.contains("table") || c.sections.contains("flat"));
    if (c.sections.contains("table")) {
      EXPECT_EQ(TableOf(type, record, section("columns")), section("table"));
    }
    if (c.sections.contains("flat")) {
      EXPECT_EQ(FlatOf(type, record), section("flat"));
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

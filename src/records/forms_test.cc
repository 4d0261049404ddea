// What the golden cases do not show: buffers that are used again, and that nothing is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "records/flat_writer.h"
#include "records/form.h"
#include "records/table_reader.h"

namespace millrace {
namespace {

using nlohmann::json;

TableForm MakeForm(RecordType type, std::vector<std::string> extra = {}) {
  return *TableForm::Make(type, std::move(extra));
}

std::string Describe(RecordType type) {
  std::string text;
  const TableForm form = MakeForm(type);
  for (const Column& column : form.columns()) {
    StrAppend(&text, text.empty() ? "" : ", ", column.name, " ", NameOf(column.type));
  }
  return text;
}

TEST(TableFormTest, StandardColumns) {
  EXPECT_EQ(Describe(RecordType::kEvent),
            "event text, event_time time, insert_time time, token text, device_id text, insert_id "
            "text, user_id text, distinct_id text, properties json");
  EXPECT_EQ(Describe(RecordType::kUser),
            "token text, distinct_id text, ip text, insert_time time, operation text, properties "
            "json");
  EXPECT_EQ(Describe(RecordType::kGroup),
            "token text, group_key text, group_id text, operation text, insert_time time, "
            "properties json");
}

TEST(TableFormTest, RequestedColumnsFollow) {
  const TableForm form = MakeForm(RecordType::kEvent, {"plan", "$amount:number"});
  ASSERT_EQ(form.extra_columns().size(), 2u);
  EXPECT_EQ(form.standard_columns(), 9u);
  EXPECT_EQ(form.columns()[9].name, "plan");
  EXPECT_EQ(form.extra_columns()[1].name, "amount");
  EXPECT_EQ(form.extra_columns()[1].type, ColumnType::kNumber);
}

TEST(FormTest, Names) {
  for (const Form form : {Form::kRaw, Form::kFlat, Form::kTable}) {
    EXPECT_EQ(FormNamed(NameOf(form)), form);
  }
  EXPECT_EQ(FormNamed("Table"), std::nullopt);
}

TEST(TableReaderTest, InsertTimeIsThatOfTheCaller) {
  const TableForm form = MakeForm(RecordType::kEvent);
  TableReader reader(form);
  std::vector<TableRow> rows;
  ASSERT_TRUE(reader
                  .Read(R"({"event":"E","properties":{"insert_time":5}})",
                        absl::FromUnixMicros(1'234'567), rows)
                  .ok());
  ASSERT_EQ(form.columns()[2].name, "insert_time");
  EXPECT_EQ(rows[0][2].integer, 1'234'567);
}

TEST(TableReaderTest, NothingOfARowAppearsInTheNext) {
  const TableForm form = MakeForm(RecordType::kEvent, {"plan"});
  TableReader reader(form);
  std::vector<TableRow> rows;
  const absl::Time now = absl::UnixEpoch();
  ASSERT_TRUE(
      reader.Read(R"({"event":"A","properties":{"plan":"p","a":1,"$user_id":"u"}})", now, rows)
          .ok());
  EXPECT_FALSE(reader.Read(R"({"event":"B","properties":{"plan":"q","b":)", now, rows).ok());
  EXPECT_TRUE(rows.empty());
  ASSERT_TRUE(reader.Read(R"({"event":"C","properties":{}})", now, rows).ok());
  ASSERT_EQ(rows.size(), 1u);
  for (size_t i = 0; i < form.columns().size(); ++i) {
    const std::string& name = form.columns()[i].name;
    EXPECT_EQ(rows[0][i].is_null, name != "event" && name != "insert_time") << name;
  }
}

TEST(TableReaderTest, RowsOfOneRecordDoNotShareTheirText) {
  const TableForm form = MakeForm(RecordType::kUser);
  TableReader reader(form);
  std::vector<TableRow> rows;
  ASSERT_TRUE(
      reader
          .Read(R"({"$distinct_id":"\u0061b","$set":{"a":1},"$unset":["b"],"$add":{"c":2}})",
                absl::UnixEpoch(), rows)
          .ok());
  ASSERT_EQ(rows.size(), 3u);
  for (const TableRow& row : rows) EXPECT_EQ(row[1].text, "ab");
  EXPECT_EQ(rows[0][5].text, R"({"a":1})");
  EXPECT_EQ(rows[1][5].text, R"({"$unset":["b"]})");
  EXPECT_EQ(rows[2][5].text, R"({"c":2})");
}

TEST(TableReaderTest, MoreSequencesOfKeysThanAreRemembered) {
  const TableForm form = MakeForm(RecordType::kUser);
  TableReader reader(form);
  std::vector<TableRow> rows;
  const std::string padding(20'000, 'k');
  for (int i = 0; i < 3'000; ++i) {
    // Every third has long keys; every seventh has many operations.
    std::string set = StrCat("{\"a", i % 1'000, i % 3 == 0 ? padding : "", "\":1,\"b\":2}");
    std::string record = StrCat("{\"$distinct_id\":\"u\",\"$set\":", set);
    const int others = i % 7 == 0 ? 20 : 0;
    for (int k = 0; k < others; ++k) StrAppend(&record, ",\"$x", k, "\":{\"c", i, "\":", k, "}");
    ASSERT_TRUE(reader.Read(record + "}", absl::UnixEpoch(), rows).ok());
    ASSERT_EQ(rows.size(), 1u + others);
    ASSERT_EQ(rows[0][5].text, set);
    for (int k = 0; k < others; ++k) {
      ASSERT_EQ(rows[k + 1][5].text, StrCat("{\"c", i, "\":", k, "}"));
    }
  }
}

TEST(FlatWriterTest, AppendsNothingIfARowOfTheRecordIsRefused) {
  FlatWriter writer(RecordType::kEvent);
  ByteBuffer out;
  out.Append("x\n");
  EXPECT_FALSE(writer.Append(R"({"event":"E","properties":{"a":1,"time":"never"}})", out).ok());
  EXPECT_EQ(out.view(), "x\n");
}

// Makes records whose keys collide in every way, and whose values are all different.
class Records {
 public:
  std::string Make(RecordType type) {
    next_ = 100;
    values_.clear();
    if (type == RecordType::kEvent) {
      return StrCat("{", Value("event"), ",\"properties\":", Object(), Members(), "}");
    }
    return StrCat("{", Value("$distinct_id"), ",\"$set\":", Object(), Members(), "}");
  }
  // Of the record made last.
  const std::multiset<std::string>& values() const { return values_; }

 private:
  static constexpr std::string_view kNames[] = {
      "event",       "event_time",     "insert_time",    "properties",   "operation",  "token",
      "distinct_id", "device_id",      "insert_id",      "user_id",      "ip",         "x",
      "property_x",  "property_event", "property_token", "property_$ip", "property_ip"};

  std::string Key() {
    std::string key(random_() % 4 == 0 ? 2 : random_() % 2, '$');
    key += kNames[random_() % std::size(kNames)];
    return key;
  }

  std::string Value(std::string_view key) {
    const std::string value = StrCat("v", next_++);
    values_.insert(value);
    return StrCat("\"", key, "\":\"", value, "\"");
  }

  std::string Object() {
    std::set<std::string> keys;
    const size_t count = random_() % 12;
    while (keys.size() < count) keys.insert(Key());
    return StrCat("{", Join(keys), "}");
  }

  std::string Members() {
    std::set<std::string> keys;
    for (size_t i = random_() % 6; i > 0; --i) keys.insert(Key());
    keys.erase("event");
    keys.erase("properties");
    keys.erase("$distinct_id");
    return keys.empty() ? "" : "," + Join(keys);
  }

  std::string Join(const std::set<std::string>& keys) {
    std::vector<std::string> shuffled(keys.begin(), keys.end());
    std::shuffle(shuffled.begin(), shuffled.end(), random_);
    std::string text;
    for (const std::string& key : shuffled) {
      StrAppend(&text, text.empty() ? "" : ",", Value(key));
    }
    return text;
  }

  std::mt19937 random_{1};
  int next_ = 0;
  std::multiset<std::string> values_;
};

// Adds the values of an object; its keys must differ.
void AddValues(std::string_view text, std::multiset<std::string>& values) {
  std::set<std::string> keys;
  const auto check_keys = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) {
      EXPECT_TRUE(keys.insert(parsed.get<std::string>()).second) << parsed << " twice in " << text;
    }
    return true;
  };
  const json object = json::parse(text, check_keys);
  for (const auto& [key, value] : object.items()) values.insert(value.get<std::string>());
}

class NothingIsLostTest : public testing::TestWithParam<RecordType> {};

TEST_P(NothingIsLostTest, InTables) {
  const TableForm form = MakeForm(GetParam(), {"x", "property_x"});
  TableReader reader(form);
  Records records;
  std::vector<TableRow> rows;
  for (int i = 0; i < 3'000; ++i) {
    const std::string record = records.Make(GetParam());
    ASSERT_TRUE(reader.Read(record, absl::UnixEpoch(), rows).ok()) << record;
    ASSERT_EQ(rows.size(), 1u);
    std::multiset<std::string> values;
    for (size_t c = 0; c < rows[0].size(); ++c) {
      const Column& column = form.columns()[c];
      if (rows[0][c].is_null || column.type == ColumnType::kTime || column.name == "operation") {
        continue;
      }
      if (column.type == ColumnType::kJson) {
        AddValues(rows[0][c].text, values);
      } else {
        values.insert(std::string(rows[0][c].text));
      }
    }
    ASSERT_EQ(values, records.values()) << record;
  }
}

TEST_P(NothingIsLostTest, InFlatRows) {
  FlatWriter writer(GetParam());
  Records records;
  ByteBuffer out;
  for (int i = 0; i < 3'000; ++i) {
    const std::string record = records.Make(GetParam());
    out.clear();
    ASSERT_TRUE(writer.Append(record, out).ok()) << record;
    std::multiset<std::string> values;
    AddValues(out.view(), values);
    if (GetParam() == RecordType::kUser) {
      ASSERT_EQ(values.erase("$set"), 1u);
    }
    ASSERT_EQ(values, records.values()) << record << "\n" << out.view();
  }
}

INSTANTIATE_TEST_SUITE_P(Types, NothingIsLostTest,
                         testing::Values(RecordType::kEvent, RecordType::kUser),
                         [](const auto& info) { return std::string(PluralOf(info.param)); });

}  // namespace
}  // namespace millrace

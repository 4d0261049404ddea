// What golden_test.cc cannot write as text: cells of Parquet, limits, shapes.
#include "mapping/row_mapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'767'225'600);  // 2026-01-01T00:00:00Z

constexpr char kEverything[] = R"({"source_field": "*", "mixpanel_field": "*"})";

Value Text(std::string_view text) { return Value::Text(Value::Kind::kText, text); }
Value Json(std::string_view text) { return Value::Text(Value::Kind::kJson, text); }

using Cells = std::vector<std::pair<std::string, Value>>;

class RowMapperTest : public testing::Test {
 protected:
  void Use(std::string_view mappings, std::string_view more = "",
           const RecordRules& rules = RecordRules::Mixpanel()) {
    const absl::StatusOr<SourcesConfig> config = SourcesConfig::Parse(
        StrCat(R"([{"config_id": "t", "source_prefix": "", "mixpanel_event_name": "e", )", more,
               R"("field_mappings": [)", mappings, "]}]"),
        "sources.json");
    ASSERT_TRUE(config.ok()) << config.status();
    absl::StatusOr<std::unique_ptr<RowMapper>> mapper =
        RowMapper::Make(config->entries()[0], kNow, rules);
    ASSERT_TRUE(mapper.ok()) << mapper.status();
    mapper_ = *std::move(mapper);
    mapper_->BeginObject("gs://b/o", "1");
  }

  // The line that the row becomes, without "{"event":"e","properties":{"time":1000000000000,", the
  // empty distinct_id and the $insert_id; or the code it is rejected with.
  std::string Properties(const Cells& cells) {
    const std::string line = Line(cells);
    constexpr std::string_view kHead =
        R"({"event":"e","properties":{"time":1000000000000,"distinct_id":"","$insert_id":")";
    if (!line.starts_with(kHead)) return line;
    return line.substr(kHead.size() + 34);  // 32 digits, a quote, a comma or brace
  }

  std::string Line(const Cells& cells) {
    std::vector<std::string> names;
    std::vector<Value> values;
    for (const auto& [name, value] : cells) {
      names.push_back(name);
      values.push_back(value);
    }
    shapes_.push_back(std::make_unique<RowShape>(RowShape::Make(std::move(names))));
    Batch batch;
    const Row row{3, shapes_.back().get(), values};
    if (mapper_->Map(row, batch, error_) == MapOutcome::kRejected) {
      EXPECT_TRUE(batch.empty());
      EXPECT_TRUE(batch.bytes.empty());
      return error_.code;
    }
    EXPECT_EQ(batch.rows(), 1U);
    EXPECT_EQ(batch.source_rows[0], 3U);
    return std::string(batch.row(0));
  }

  std::unique_ptr<RowMapper> mapper_;
  std::vector<std::unique_ptr<RowShape>> shapes_;
  MapError error_;
};

const std::pair<std::string, Value> kTime = {"time", Value::Int(1'000'000'000)};

TEST_F(RowMapperTest, WritesCellsOfParquet) {
  Use(kEverything);
  EXPECT_EQ(Properties({kTime,
                        {"double", Value::Double(0.1)},
                        {"float", Value::Float(0.1F)},
                        {"nan", Value::Double(std::nan(""))},
                        {"infinity", Value::Double(std::numeric_limits<double>::infinity())},
                        {"uint", Value::Uint(std::numeric_limits<uint64_t>::max())},
                        {"decimal", Value::Text(Value::Kind::kNumber, "12.3400")},
                        {"bytes", Value::Text(Value::Kind::kBytes, std::string_view("\0\xff", 2))},
                        {"date", Value::Timestamp(1713916800, Value::Unit::kSecond, false)},
                        {"ts", Value::Timestamp(1713928381988123, Value::Unit::kMicro, true)},
                        {"struct", Json(R"({"a":[1]})")}}),
            R"("double":0.1,"float":0.1,"uint":18446744073709551615,"decimal":12.3400,)"
            R"("bytes":"AP8=","date":"2024-04-24T00:00:00","ts":"2024-04-24T03:13:01.988123Z",)"
            R"("struct":{"a":[1]}}})");
}

// What Mixpanel would refuse, and the destination does not.
TEST_F(RowMapperTest, AppliesTheRulesOfTheDestination) {
  const Cells nobody = {kTime, {"distinct_id", Text("null")}};
  const Cells early = {{"time", Text("1960-01-01")}};
  const Cells late = {{"time", Text("2999-12-31")}};
  Cells many = {kTime};
  for (int i = 0; i < 300; ++i) many.push_back({StrCat("p", i), Value::Int(i)});
  Use(kEverything);
  EXPECT_EQ(Line(nobody), "invalid_id");
  EXPECT_EQ(Line(early), "invalid_time");
  EXPECT_EQ(Line(late), "invalid_time");
  EXPECT_EQ(Line(many), "too_many_properties");
  const std::string sent = Line({kTime, {"p", Value::Int(1)}});

  Use(kEverything, "", RecordRules());
  EXPECT_THAT(Line(nobody), HasSubstr("\"distinct_id\":\"null\""));
  EXPECT_THAT(Line(early), HasSubstr("\"time\":-315619200000,"));
  EXPECT_THAT(Line(late), HasSubstr("\"time\":32503593600000,"));
  EXPECT_THAT(Line(many), HasSubstr("\"p299\":299"));
  // A record cannot state it: read again, it would be another time.
  EXPECT_EQ(Line({{"time", Text("9999-12-31")}}), "invalid_time");
  // No empty distinct_id, and the same $insert_id.
  std::string stored = sent;
  const std::string_view kEmpty = "\"distinct_id\":\"\",";
  stored.erase(stored.find(kEmpty), kEmpty.size());
  EXPECT_EQ(Line({kTime, {"p", Value::Int(1)}}), stored);
}

// The records that one update becomes.
std::vector<std::string> Updates(const RecordRules& rules, const Cells& cells) {
  const auto config = SourcesConfig::Parse(
      R"([{"config_id": "t", "source_prefix": "", "record_type": "user"}])", "sources.json");
  EXPECT_TRUE(config.ok()) << config.status();
  const auto mapper = RowMapper::Make(config->entries()[0], kNow, rules);
  (*mapper)->BeginObject("gs://b/o", "1");
  std::vector<std::string> names;
  std::vector<Value> values;
  for (const auto& [name, value] : cells) {
    names.push_back(name);
    values.push_back(value);
  }
  const RowShape shape = RowShape::Make(std::move(names));
  Batch batch;
  MapError why;
  if ((*mapper)->Map({0, &shape, values}, batch, why) == MapOutcome::kRejected) return {why.code};
  std::vector<std::string> updates;
  for (size_t row = 0; row < batch.rows(); ++row) updates.emplace_back(batch.row(row));
  return updates;
}

// Each operation is in one record, or a warehouse would have it as often as there are records.
TEST(ProfileOperationsTest, EachOperationIsOneRecord) {
  const Cells cells = {
      {"$distinct_id", Text("u")}, {"$set", Json(R"({"a":1})")}, {"$increment", Json(R"({"b":2})")},
      {"$other", Json("[1]")},     {"$note", Text("text")},      {"$unset", Json(R"(["c"])")}};
  using testing::ElementsAre;
  EXPECT_THAT(Updates(RecordRules(), cells),
              ElementsAre(R"({"$distinct_id":"u","$note":"text","$set":{"a":1}})",
                          R"({"$distinct_id":"u","$note":"text","$increment":{"b":2}})",
                          R"({"$distinct_id":"u","$note":"text","$other":[1]})",
                          R"({"$distinct_id":"u","$note":"text","$unset":["c"]})"));
  const Cells only = {{"$distinct_id", Text("u")}, {"$increment", Json(R"({"b":2})")}};
  EXPECT_THAT(Updates(RecordRules(), only),
              ElementsAre(R"({"$distinct_id":"u","$increment":{"b":2}})"));
  // Mixpanel gets what it knows.
  EXPECT_EQ(Updates(RecordRules::Mixpanel(), cells).size(), 2u);
  EXPECT_THAT(Updates(RecordRules::Mixpanel(), only), ElementsAre("missing_required_field"));
}

TEST_F(RowMapperTest, TakesTheTimeFromTimestamps) {
  Use(kEverything, R"("time_zone": "Europe/Berlin", )");
  EXPECT_THAT(Line({{"time", Value::Timestamp(1713928381988123, Value::Unit::kMicro, true)}}),
              HasSubstr("\"time\":1713928381988,"));
  EXPECT_THAT(Line({{"time", Value::Timestamp(1713928381988, Value::Unit::kMilli, false)}}),
              HasSubstr("\"time\":1713921181988,"));
}

TEST_F(RowMapperTest, WritesIdsThatCameThroughADoubleWithoutExponent) {
  Use(kEverything);
  EXPECT_THAT(Line({kTime, {"distinct_id", Value::Double(1e15)}}),
              HasSubstr("\"distinct_id\":\"1000000000000000\""));
  EXPECT_THAT(Line({kTime, {"distinct_id", Value::Double(7.5)}}),
              HasSubstr("\"distinct_id\":\"7.5\""));
  EXPECT_THAT(Line({kTime, {"distinct_id", Value::Uint(std::numeric_limits<uint64_t>::max())}}),
              HasSubstr("\"distinct_id\":\"18446744073709551615\""));
  EXPECT_THAT(Line({kTime, {"$insert_id", Value::Int(123456789)}}),
              HasSubstr("\"$insert_id\":\"123456789\""));
}

TEST_F(RowMapperTest, ReadsIdsAsTheTypeOfTheirMapping) {
  for (const char* type : {"integer", "float"}) {
    Use(StrCat(R"({"source_field": "time", "mixpanel_field": "time"},
                  {"source_field": "id", "mixpanel_field": "$user_id", "type": ")",
               type, R"("},
                  {"source_field": "i", "mixpanel_field": "$insert_id", "type": ")",
               type, R"("})"));
    for (const char* text : {"12345.0", " 12345 ", "1.2345e4", "12345"}) {
      EXPECT_THAT(Line({kTime, {"id", Text(text)}, {"i", Text(text)}}),
                  AllOf(HasSubstr(R"("$user_id":"12345")"), HasSubstr(R"("$insert_id":"12345")")))
          << type << " " << text;
    }
    EXPECT_THAT(Line({kTime, {"id", Value::Double(1234567890123456789.0)}}),
                HasSubstr(R"("$user_id":"1234567890123456800")"));
    EXPECT_THAT(Line({kTime, {"id", Text("")}}), HasSubstr(R"("distinct_id":"")"));
    EXPECT_EQ(Line({kTime, {"id", Text("abc")}}), "invalid_value");
    EXPECT_EQ(error_.field, "id");
    EXPECT_EQ(Line({kTime, {"i", Text("abc")}}), "invalid_value");
    EXPECT_EQ(Line({kTime, {"id", Text("0.0")}}), "invalid_id");
  }
  Use(R"({"source_field": "time", "mixpanel_field": "time"},
         {"source_field": "id", "mixpanel_field": "$user_id", "type": "string"})");
  EXPECT_THAT(Line({kTime, {"id", Text("12345.0")}}), HasSubstr(R"("$user_id":"12345.0")"));
}

TEST_F(RowMapperTest, ConvertsCellsOfParquet) {
  Use(R"({"source_field": "time", "mixpanel_field": "time"},
         {"source_field": "i", "mixpanel_field": "i", "type": "integer"},
         {"source_field": "f", "mixpanel_field": "f", "type": "float"},
         {"source_field": "b", "mixpanel_field": "b", "type": "boolean"},
         {"source_field": "s", "mixpanel_field": "s", "type": "string"})");
  const Value stamp = Value::Timestamp(0, Value::Unit::kSecond, true);
  const Value bytes = Value::Text(Value::Kind::kBytes, "ab");
  EXPECT_EQ(Properties({kTime,
                        {"i", Value::Double(-3.0)},
                        {"f", Value::Float(0.1F)},
                        {"b", Value::Int(1)},
                        {"s", stamp}}),
            R"("i":-3,"f":0.1,"b":true,"s":"1970-01-01T00:00:00Z"}})");
  EXPECT_EQ(Properties({kTime, {"s", bytes}, {"b", Value::Double(0)}}),
            R"("b":false,"s":"YWI="}})");
  for (const char* column : {"i", "f", "b"}) {
    EXPECT_EQ(Properties({kTime, {column, stamp}}), "invalid_value") << column;
    EXPECT_EQ(Properties({kTime, {column, bytes}}), "invalid_value") << column;
    EXPECT_EQ(error_.field, column);
  }
  EXPECT_EQ(Properties({kTime, {"i", Value::Double(9.3e18)}}), "invalid_value");
  EXPECT_EQ(Properties({kTime, {"i", Value::Double(0.5)}}), "invalid_value");
}

TEST_F(RowMapperTest, RefusesMoreProperties) {
  Use(kEverything);
  Cells cells = {kTime};
  for (int i = 0; i < 251; ++i) cells.emplace_back(StrCat("p", i), Value::Int(i));
  EXPECT_THAT(Line(cells), StartsWith("{")) << "254, with distinct_id and $insert_id";
  cells.emplace_back("null", Value::Null());
  EXPECT_THAT(Line(cells), StartsWith("{")) << "nulls do not count";
  cells.emplace_back("last", Value::Int(1));
  EXPECT_EQ(Line(cells), "too_many_properties");
  EXPECT_THAT(error_.message, HasSubstr("255 properties"));
  EXPECT_THAT(error_.mapped, StartsWith(R"({"event":"e")"));
}

TEST_F(RowMapperTest, SaysThatPropertiesHaveTooManyKeys) {
  absl::StatusOr<std::unique_ptr<RowMapper>> mapper =
      RowMapper::Make(SourcesConfig::MixpanelFormat().entries()[0], kNow, RecordRules::Mixpanel());
  ASSERT_TRUE(mapper.ok()) << mapper.status();
  mapper_ = *std::move(mapper);
  mapper_->BeginObject("gs://b/o", "1");
  std::string properties = R"({"time":1)";
  for (int i = 0; i < 10'000; ++i) StrAppend(&properties, ",\"", i, "\":1");
  EXPECT_EQ(Line({{"event", Text("e")}, {"properties", Json(properties + "}")}}), "invalid_value");
  EXPECT_THAT(error_.message, HasSubstr("more than 10,000 keys"));
}

TEST_F(RowMapperTest, RefusesLargerEvents) {
  Use(kEverything);
  const std::string max((1 << 20) - 150, 'x');
  EXPECT_THAT(Line({kTime, {"x", Text(max)}}), StartsWith("{"));
  const std::string more(1 << 20, 'x');
  EXPECT_EQ(Line({kTime, {"x", Text(more)}}), "event_too_large");
  EXPECT_GT(error_.mapped.size(), more.size());
}

TEST_F(RowMapperTest, TakesTheLastOfColumnsWithOneName) {
  Use(kEverything);
  EXPECT_EQ(Properties({kTime, {"a", Value::Int(1)}, {"a", Value::Int(2)}}), R"("a":2}})");
}

TEST_F(RowMapperTest, HandlesManyShapes) {
  Use(kEverything);
  for (int i = 0; i < 2000; ++i) {
    const std::string name = StrCat("c", i);
    ASSERT_EQ(Properties({kTime, {name, Value::Int(i)}}), StrCat("\"", name, "\":", i, "}}"));
  }
}

TEST_F(RowMapperTest, KeepsTheRowsBeforeARejectedOne) {
  Use(kEverything);
  const RowShape shape = RowShape::Make({"time"});
  Batch batch;
  const Value good[] = {Value::Int(1'000'000'000)};
  const Value bad[] = {Text("no time")};
  EXPECT_EQ(mapper_->Map({0, &shape, good}, batch, error_), MapOutcome::kMapped);
  const std::string first(batch.bytes.view());
  EXPECT_EQ(mapper_->Map({1, &shape, bad}, batch, error_), MapOutcome::kRejected);
  EXPECT_EQ(batch.bytes.view(), first);
  EXPECT_EQ(mapper_->Map({2, &shape, good}, batch, error_), MapOutcome::kMapped);
  EXPECT_EQ(batch.rows(), 2U);
  EXPECT_EQ(batch.source_rows[1], 2U);
}

TEST(AppendRowAsJson, WritesAllCells) {
  const RowShape shape = RowShape::Make({"a\"b", "n", "t"});
  const Value values[] = {Value::Int(1), Value::Null(), Text("x\n")};
  ByteBuffer out;
  AppendRowAsJson({0, &shape, values}, out);
  EXPECT_EQ(out.view(), R"({"a\"b":1,"n":null,"t":"x\n"})");
}

TEST(RowMapper, RunsTheTransformAsReadWithTheConfig) {
  SourceConfig config;
  config.transform = "/nowhere/t.js";
  config.transform_text = "export default (event) => event;";
  EXPECT_TRUE(
      RowMapper::Make(std::make_shared<SourceConfig>(config), kNow, RecordRules::Mixpanel()).ok());
  config.transform_text = "export default (event) => {";
  const auto broken =
      RowMapper::Make(std::make_shared<SourceConfig>(config), kNow, RecordRules::Mixpanel());
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ToStd(broken.status().message())), testing::HasSubstr("/nowhere/t.js"));
}

}  // namespace
}  // namespace millrace

#include "connectors/bigquery/table_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace millrace::bigquery {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const TableForm& Events() {
  static const TableForm form = *TableForm::Make(RecordType::kEvent, {"amount:number"});
  return form;
}

json TableWith(const json& fields) {
  return {{"type", "TABLE"}, {"etag", "e"}, {"schema", {{"fields", fields}}}};
}

json FieldOf(std::string name, std::string type, std::string mode) {
  return {{"name", std::move(name)}, {"type", std::move(type)}, {"mode", std::move(mode)}};
}

// A new table's fields.
json Fields() { return NewTable({}, "t", Events())["schema"]["fields"]; }

std::string Refusal(const json& table) {
  const auto needed = NeededFields(table, "p.d.t", Events());
  EXPECT_TRUE(absl::IsFailedPrecondition(needed.status())) << needed.status();
  return std::string(needed.status().message());
}

TEST(TableSchema, ANewTableHasTheColumnsOfTheForm) {
  const TableSpec spec{.project = "p", .dataset = "d"};
  const json table = NewTable(spec, "t", Events());
  EXPECT_EQ(table["tableReference"],
            (json{{"projectId", "p"}, {"datasetId", "d"}, {"tableId", "t"}}));
  const json& fields = table["schema"]["fields"];
  ASSERT_EQ(fields.size(), 10u);
  EXPECT_EQ(fields[0], FieldOf("event", "STRING", "NULLABLE"));
  EXPECT_EQ(fields[1], FieldOf("event_time", "TIMESTAMP", "NULLABLE"));
  EXPECT_EQ(fields[8], FieldOf("properties", "JSON", "NULLABLE"));
  EXPECT_EQ(fields[9], FieldOf("amount", "FLOAT", "NULLABLE"));
  EXPECT_EQ(table["timePartitioning"], (json{{"type", "DAY"}, {"field", "event_time"}}));
  EXPECT_EQ(table["clustering"]["fields"], json({"event", "distinct_id"}));
}

TEST(TableSchema, TablesOfProfilesArePartitionedByArrival) {
  const TableForm users = *TableForm::Make(RecordType::kUser, {});
  EXPECT_EQ(NewTable({}, "t", users)["timePartitioning"]["field"], "insert_time");
  EXPECT_EQ(NewTable({}, "t", users)["clustering"]["fields"], json::array({"distinct_id"}));
  EXPECT_FALSE(NewTable({.partition_by_day = false}, "t", users).contains("timePartitioning"));
}

TEST(TableSchema, ATableOfUpsertsHasAKeyAndNoPartitions) {
  const TableSpec spec = *TableSpec::Parse("bigquery://p/d?profiles=upsert&max_staleness=75m");
  const TableSpec appending = *TableSpec::Parse("bigquery://p/d");
  EXPECT_EQ(NewTable(spec, "t", Events()), NewTable(appending, "t", Events()));
  for (const auto& [type, key] : {std::pair{RecordType::kUser, json::array({"distinct_id"})},
                                  std::pair{RecordType::kGroup, json{"group_key", "group_id"}}}) {
    json table = NewTable(spec, "t", *TableForm::Make(type, {}));
    EXPECT_EQ(table["tableConstraints"]["primaryKey"]["columns"], key);
    EXPECT_EQ(table["clustering"]["fields"], key);
    EXPECT_EQ(table["maxStaleness"], "0-0 0 1:15:0");
    EXPECT_FALSE(table.contains("timePartitioning"));
    EXPECT_TRUE(CheckKey(table, "p.d.t", spec, type).ok());
    const absl::Status appended = CheckKey(table, "p.d.t", appending, type);
    EXPECT_TRUE(absl::IsFailedPrecondition(appended));
    EXPECT_THAT(std::string(appended.message()), HasSubstr("one row for each profile"));

    table.erase("tableConstraints");
    EXPECT_TRUE(CheckKey(table, "p.d.t", appending, type).ok());
    const absl::Status upserted = CheckKey(table, "p.d.t", spec, type);
    EXPECT_TRUE(absl::IsFailedPrecondition(upserted));
    EXPECT_THAT(std::string(upserted.message()), HasSubstr("the table p.d.t does not have"));
    table["tableConstraints"]["primaryKey"]["columns"] = {"token"};
    EXPECT_FALSE(CheckKey(table, "p.d.t", spec, type).ok()) << "another key";
    EXPECT_TRUE(CheckKey(table, "p.d.t", appending, type).ok());
  }
  json events = NewTable(appending, "t", Events());
  events["tableConstraints"]["primaryKey"]["columns"] = {"insert_id"};
  EXPECT_TRUE(CheckKey(events, "p.d.t", spec, RecordType::kEvent).ok());
}

TEST(TableSchema, ATableThatFitsIsLeftAlone) {
  json fields = Fields();
  fields[0]["mode"] = "REQUIRED";   // an event always has a name
  fields[8]["type"] = "STRING";     // JSON as text
  fields[9]["type"] = "FLOAT64";    // another name of FLOAT
  fields[4]["name"] = "Device_ID";  // BigQuery does not tell them apart
  fields.push_back(FieldOf("note", "STRING", "NULLABLE"));
  const auto needed = NeededFields(TableWith(fields), "p.d.t", Events());
  ASSERT_TRUE(needed.ok()) << needed.status();
  EXPECT_TRUE(needed->is_null());
}

TEST(TableSchema, ColumnsAreAddedAtTheEndAndOldOnesRelaxed) {
  json fields = Fields();
  fields.erase(9);
  fields[4]["mode"] = "REQUIRED";
  fields[4]["description"] = "kept";
  const auto needed = NeededFields(TableWith(fields), "p.d.t", Events());
  ASSERT_TRUE(needed.ok()) << needed.status();
  ASSERT_EQ(needed->size(), 10u);
  EXPECT_EQ((*needed)[4]["mode"], "NULLABLE");
  EXPECT_EQ((*needed)[4]["description"], "kept");
  EXPECT_EQ((*needed)[9], FieldOf("amount", "FLOAT", "NULLABLE"));
  const auto of_empty = NeededFields(json{{"type", "TABLE"}}, "p.d.t", Events());
  ASSERT_TRUE(of_empty.ok());
  EXPECT_EQ(of_empty->size(), 10u);
}

TEST(TableSchema, ATableThatCannotFitIsRefused) {
  json fields = Fields();
  fields[1]["type"] = "DATETIME";
  EXPECT_THAT(Refusal(TableWith(fields)),
              HasSubstr("the table p.d.t has a column event_time of the type DATETIME"));
  fields = Fields();
  fields[0]["mode"] = "REPEATED";
  EXPECT_THAT(Refusal(TableWith(fields)), HasSubstr("ARRAY of STRING"));
  fields = Fields();
  fields.push_back(FieldOf("shard", "INTEGER", "REQUIRED"));
  EXPECT_THAT(Refusal(TableWith(fields)),
              HasSubstr("ALTER TABLE p.d.t ALTER COLUMN shard DROP NOT NULL"));
  EXPECT_THAT(Refusal(json{{"type", "VIEW"}}), HasSubstr("of the kind VIEW"));
}

TEST(TableSchema, NonsenseIsNoCrash) {
  for (const json& table : std::vector<json>{json{{"schema", 1}}, json{{"schema", {{"fields", 1}}}},
                                             TableWith({1, "a", json::array()}),
                                             TableWith({json{{"name", 1}, {"mode", {}}}})}) {
    (void)NeededFields(table, "p.d.t", Events());
  }
}

}  // namespace
}  // namespace millrace::bigquery

// Tables, permissions and forms of PostgreSQL as a destination, against a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/sink.h"
#include "postgres_schema.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PostgresDestinationTest : public testing::Test {
 protected:
  std::unique_ptr<Destination> Open(std::string_view query,
                                    const std::string& server = ServerUri()) {
    return MustOpen(schema_.Uri(query, server));
  }
  // As `user`.
  std::unique_ptr<Destination> OpenAs(const std::string& user, std::string_view query) {
    return Open(query, StrCat("postgres://", user, "@/postgres?host=", SocketFolder()));
  }
  // Without spans.
  static WriteResult Write(Destination& destination, const std::vector<std::string>& records,
                           RecordType type = RecordType::kEvent) {
    Batch batch;
    for (const std::string& record : records) {
      batch.bytes.Append(record);
      batch.EndRow(batch.rows());
    }
    return destination.NewSink(type)->Write(batch, {}, {});
  }
  static void MustWrite(Destination& destination, const std::vector<std::string>& records,
                        RecordType type = RecordType::kEvent) {
    const WriteResult result = Write(destination, records, type);
    EXPECT_TRUE(result.durable()) << result.status();
    EXPECT_THAT(result.refused(), IsEmpty());
  }
  static std::string Message(const absl::Status& status) {
    return std::string(ToStd(status.message()));
  }
  static std::vector<AccessCheck> Failures(Destination& destination) {
    std::vector<AccessCheck> failures;
    for (AccessCheck& check : destination.Check({})) {
      EXPECT_EQ(check.status.ok(), check.remedy.empty()) << check.what << ": " << check.status;
      if (!check.status.ok()) failures.push_back(std::move(check));
    }
    return failures;
  }
  // The relations of the schema, without indexes of primary keys.
  std::string Relations() {
    return schema_.Text(
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = "
        "'$'::regnamespace AND relkind IN ('r', 'p', 'i', 'I', 'v') AND relname NOT LIKE "
        "'millrace%_key' "
        "AND relname NOT LIKE '%_pkey'");
  }

  Schema schema_;
};

TEST_F(PostgresDestinationTest, NamesTellWhereRecordsGo) {
  const std::unique_ptr<Destination> destination =
      MustOpen("postgres://me@h:1/db?events=E&users=s.U&sslmode=require");
  EXPECT_EQ(destination->label(), "postgres://h:1/db/public.E,s.U");
  EXPECT_EQ(destination->LedgerName(RecordType::kEvent), "postgres://h:1/db/public.E");
  EXPECT_EQ(destination->LedgerName(RecordType::kUser), "postgres://h:1/db/s.U");
  EXPECT_TRUE(destination->CheckConfig(RecordType::kUser).ok());
  EXPECT_THAT(Message(destination->CheckConfig(RecordType::kGroup)), HasSubstr("groups=TABLE"));
  EXPECT_EQ(destination->cursor(RecordType::kGroup), nullptr);
  EXPECT_EQ(destination->NewSink(RecordType::kGroup), nullptr);
}

TEST_F(PostgresDestinationTest, EventsUsersAndGroupsHaveTheirColumns) {
  const std::unique_ptr<Destination> destination = Open("columns=plan,n:bigint");
  MustWrite(
      *destination,
      {R"({"event":"a\\b\tc","properties":{"time":1796008365.5,"distinct_id":"u","token":"t",)"
       R"("$device_id":"d","$insert_id":"i","$user_id":"v","plan":"pro","n":9007199254740993,)"
       R"("x":1.10,"s":"\"\\\n\u00e9"}})",
       R"({"event":"$identify","properties":{"$identified_id":"u"}})"});
  EXPECT_EQ(schema_.Text("SELECT concat_ws('|', event, event_time AT TIME ZONE 'UTC', token, "
                         "device_id, insert_id, user_id, distinct_id, properties, plan, n) "
                         "FROM $.events WHERE distinct_id = 'u'"),
            "a\\b\tc|2026-11-30 03:12:45.5|t|d|i|v|u|{\"s\": \"\\\"\\\\\\n\xC3\xA9\", \"x\": 1.10}|"
            "pro|9007199254740993");
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.events WHERE event_time IS NULL AND "
                           "insert_time > now() - interval '1 hour'"),
            1);
  MustWrite(*destination, {R"({"$distinct_id":"u","$set":{"a":1},"$unset":["b"]})"},
            RecordType::kUser);
  EXPECT_EQ(schema_.Text("SELECT string_agg(operation || distinct_id || properties, ' ' "
                         "ORDER BY operation) FROM $.users"),
            "$setu{\"a\": 1} $unsetu{\"$unset\": [\"b\"]}");
  MustWrite(*destination, {R"({"$group_key":"k","$group_id":"g","$set":{"a":1}})"},
            RecordType::kGroup);
  EXPECT_EQ(schema_.Text("SELECT group_key || group_id FROM $.groups"), "kg");
}

TEST_F(PostgresDestinationTest, RawAndFlatRecordsAreOneColumn) {
  for (const char* form : {"raw", "flat"}) {
    const std::unique_ptr<Destination> destination = Open(StrCat("table=", form, "&form=", form));
    MustWrite(*destination, {Event(1)});
  }
  EXPECT_EQ(schema_.Text("SELECT record->'properties'->>'n' FROM $.raw"), "1");
  EXPECT_EQ(schema_.Text("SELECT record->>'n' FROM $.flat"), "1");
}

TEST_F(PostgresDestinationTest, NamesMayBeAnything) {
  const std::unique_ptr<Destination> destination = Open("table=Odd%20%22name%22;--");
  ASSERT_TRUE(destination->Create({}).ok());
  MustWrite(*destination, {Event(1)});
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.\"Odd \"\"name\"\";--\""), 1);
  EXPECT_THAT(Failures(*destination), IsEmpty());
  EXPECT_TRUE(destination->Drop({}).ok());
  EXPECT_EQ(Relations(), "");
}

TEST_F(PostgresDestinationTest, CreateMakesAndDropRemovesWhatTheDestNames) {
  const std::unique_ptr<Destination> destination = Open("table=events");
  ASSERT_TRUE(destination->Create({}).ok());
  EXPECT_EQ(Relations(),
            "events events_deduped events_distinct_id_idx events_event_time_idx "
            "millrace_delivered millrace_writers");
  const std::unique_ptr<Destination> other = Open("users=users");
  ASSERT_TRUE(other->Create({}).ok());
  ASSERT_TRUE(destination->Create({}).ok()) << "all exists";
  for (Destination* one : {destination.get(), other.get()}) {
    const RecordType type = one == other.get() ? RecordType::kUser : RecordType::kEvent;
    const LedgerKey object{"o", "1", "c", one->LedgerName(type)};
    EXPECT_TRUE(one->cursor(type)->Claim(object, "w", {}).ok());
  }
  EXPECT_THAT(destination->DropNames(),
              ElementsAre(HasSubstr(schema_.In("table $.events")),
                          HasSubstr(schema_.In("view $.events_deduped")),
                          HasSubstr("millrace_writers"), HasSubstr("unfinished replacements")));
  ASSERT_TRUE(destination->Drop({}).ok());
  EXPECT_EQ(Relations(),
            "millrace_delivered millrace_writers users users_current users_distinct_id_idx");
  EXPECT_EQ(schema_.Text("SELECT destination FROM $.millrace_writers"),
            other->LedgerName(RecordType::kUser));
  ASSERT_TRUE(destination->Drop({}).ok()) << "nothing is left to drop";
  ASSERT_TRUE(other->Drop({}).ok());
  EXPECT_EQ(Relations(), "");
  MustWrite(*destination, {Event(1)});
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.events"), 1) << "and is made again";
}

TEST_F(PostgresDestinationTest, WhatOthersMadeOfATableIsNotDropped) {
  const std::unique_ptr<Destination> destination = Open("table=events");
  ASSERT_TRUE(destination->Create({}).ok());
  schema_.Run("CREATE VIEW $.mine AS SELECT event FROM $.events");
  const absl::Status dropped = destination->Drop({});
  EXPECT_TRUE(absl::IsFailedPrecondition(dropped)) << dropped;
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.mine"), 0);
}

TEST_F(PostgresDestinationTest, CreateMakesViewsUnlessTheirNamesAreTaken) {
  schema_.Run("CREATE TABLE $.events_deduped (mine int)");
  const std::unique_ptr<Destination> destination = Open("events=events&users=users");
  ASSERT_TRUE(destination->Create({}).ok());
  MustWrite(*destination, {R"({"$distinct_id":"u","$add":{"n":2}})"}, RecordType::kUser);
  EXPECT_EQ(schema_.Text("SELECT properties FROM $.users_current"), R"({"n": 2})");
  ASSERT_TRUE(destination->Drop({}).ok());
  EXPECT_EQ(Relations(), "events_deduped") << "what others made stays";
  const std::unique_ptr<Destination> none = Open("users=users&views=false");
  ASSERT_TRUE(none->Create({}).ok());
  EXPECT_THAT(Relations(), testing::Not(HasSubstr("users_current")));
  const std::unique_ptr<Destination> raw = Open("events=raw&form=raw");
  ASSERT_TRUE(raw->Create({}).ok());
  EXPECT_THAT(Relations(), testing::Not(HasSubstr("raw_deduped")));
}

TEST_F(PostgresDestinationTest, AMissingSchemaIsMade) {
  schema_.Run("DROP SCHEMA $");
  const std::unique_ptr<Destination> destination = Open("table=events");
  EXPECT_THAT(Failures(*destination),
              ElementsAre(testing::Field(&AccessCheck::what, HasSubstr("schema"))));
  MustWrite(*destination, {Event(1)});
  EXPECT_THAT(Failures(*destination), IsEmpty());
}

TEST_F(PostgresDestinationTest, ManyProcessesMakeTheTablesAtOnce) {
  std::vector<std::thread> processes;
  for (int i = 0; i < 8; ++i) {
    processes.emplace_back([&] { MustWrite(*Open("table=events"), {Event(1)}); });
  }
  for (std::thread& process : processes) process.join();
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.events"), 8);
}

TEST_F(PostgresDestinationTest, AnExistingTableIsTakenAsItIs) {
  schema_.Run(
      "CREATE TABLE $.events (id bigserial PRIMARY KEY, event varchar(20), event_time timestamp, "
      "insert_time timestamptz, token text, device_id text, insert_id text, user_id text, "
      "distinct_id text, properties json, note text NOT NULL DEFAULT '')");
  const std::unique_ptr<Destination> destination = Open("table=events");
  EXPECT_TRUE(destination->Create({}).ok());
  MustWrite(*destination, {Event(1)});
  EXPECT_EQ(schema_.Text("SELECT event_time FROM $.events"), "2026-11-30 03:12:45");
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM pg_indexes WHERE schemaname = '$' AND "
                           "tablename = 'events'"),
            1)
      << "no index is added";
}

TEST_F(PostgresDestinationTest, ATableOfAnotherShapeIsRefusedWithTheRemedy) {
  schema_.Run("CREATE TABLE $.events (event text, event_time text)");
  const std::unique_ptr<Destination> destination = Open("table=events");
  EXPECT_THAT(Message(Write(*destination, {Event(1)}).status()),
              AllOf(HasSubstr("event_time"), HasSubstr("timestamptz")));
  schema_.Run("DROP TABLE $.events");
  MustWrite(*destination, {Event(1)});

  EXPECT_THAT(Message(Write(*Open("table=events&columns=plan"), {Event(1)}).status()),
              AllOf(HasSubstr("ADD COLUMN \"plan\" text"), HasSubstr("add_columns=true")));
  MustWrite(*Open("table=events&columns=plan&add_columns=true"), {Event(1)});
  EXPECT_THAT(Message(Open("table=events&columns=plan:timestamptz&add_columns=true")->Create({})),
              HasSubstr("has the type text"));
  EXPECT_THAT(Message(Write(*Open("table=events&partition=day"), {Event(1)}).status()),
              HasSubstr("not partitioned"));
}

// Each remedy is run unchanged until none is left; then the role can write.
TEST_F(PostgresDestinationTest, TheRemediesOfChecksAreAllThatARoleNeeds) {
  ASSERT_TRUE(Open("table=events")->Create({}).ok());
  schema_.Run("CREATE ROLE w$ LOGIN");
  const std::unique_ptr<Destination> destination = OpenAs("w" + schema_.name(), "table=events");
  const WriteResult refused = Write(*destination, {Event(1)});
  EXPECT_FALSE(refused.retryable());
  EXPECT_THAT(Message(refused.status()), HasSubstr("GRANT statements"));
  std::vector<std::string> remedies;
  for (std::vector<AccessCheck> left = Failures(*destination); !left.empty();
       left = Failures(*destination)) {
    ASSERT_LT(remedies.size(), 20u);
    for (const AccessCheck& check : left) {
      remedies.push_back(check.remedy);
      schema_.Run(check.remedy);
    }
  }
  EXPECT_EQ(remedies.size(), 10u);
  MustWrite(*destination, {Event(1)});
  const LedgerKey object{"o", "1", "c", "d"};
  DeliveryCursor& cursor = *destination->cursor(RecordType::kEvent);
  EXPECT_TRUE(cursor.Claim(object, "w", {}).ok());
  EXPECT_TRUE(cursor.Forget(object, {}).ok());
  schema_.Run("DROP OWNED BY w$; DROP ROLE w$");
}

TEST_F(PostgresDestinationTest, TheGrantsOfTheDocsAreEnough) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/connectors/postgres.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const size_t begin = page.find("GRANT USAGE ON SCHEMA public");
  ASSERT_NE(begin, std::string::npos);
  const std::string grants = page.substr(begin, page.find("```", begin) - begin);
  ASSERT_TRUE(Open("table=events")->Create({}).ok());
  schema_.Run("CREATE ROLE g$ LOGIN");
  schema_.Run(absl::StrReplaceAll(grants, {{"public", "$"}, {"loader", "g$"}}));
  const std::unique_ptr<Destination> destination = OpenAs("g" + schema_.name(), "table=events");
  EXPECT_THAT(Failures(*destination), IsEmpty());
  MustWrite(*destination, {Event(1)});
  schema_.Run("DROP OWNED BY g$; DROP ROLE g$");
}

TEST_F(PostgresDestinationTest, ARoleThatMayNotCreateIsToldWhatToDo) {
  schema_.Run("CREATE ROLE n$ LOGIN; GRANT USAGE ON SCHEMA $ TO n$");
  const std::unique_ptr<Destination> destination = OpenAs("n" + schema_.name(), "table=events");
  const absl::Status created = destination->Create({});
  EXPECT_TRUE(absl::IsPermissionDenied(created)) << created;
  EXPECT_THAT(Message(created), AllOf(HasSubstr("destinations create"), HasSubstr("GRANT CREATE")));
  EXPECT_FALSE(Write(*destination, {Event(1)}).retryable());
  schema_.Run("DROP OWNED BY n$; DROP ROLE n$");
}

// What an import would stop at, the check finds.
TEST_F(PostgresDestinationTest, ChecksFindWhatCopyCannotFill) {
  ASSERT_TRUE(Open("table=events")->Create({}).ok());
  schema_.Run(
      "CREATE VIEW $.v AS SELECT * FROM $.events; CREATE MATERIALIZED VIEW $.m AS SELECT * FROM "
      "$.events; CREATE SEQUENCE $.s; CREATE TABLE $.g (LIKE $.events); ALTER TABLE $.g DROP "
      "token, "
      "ADD token text GENERATED ALWAYS AS (event) STORED; CREATE TABLE $.r (LIKE $.events); ALTER "
      "TABLE $.r ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
  const std::string user = schema_.name() + "_plain";
  schema_.Run(StrCat("CREATE ROLE ", user, " LOGIN; GRANT ALL ON SCHEMA $ TO ", user,
                     "; GRANT ALL ON ALL TABLES IN SCHEMA $ TO ", user));
  for (const char* table : {"v", "m", "s", "g", "r"}) {
    const std::unique_ptr<Destination> destination = OpenAs(user, StrCat("table=", table));
    EXPECT_THAT(Failures(*destination), Not(IsEmpty())) << table;
    const WriteResult result = Write(*destination, {Event(1)});
    EXPECT_FALSE(result.durable() || result.retryable()) << table;
  }
  schema_.Run(StrCat("DROP OWNED BY ", user, "; DROP ROLE ", user));
}

TEST_F(PostgresDestinationTest, AdviceIsGivenOnce) {
  ASSERT_TRUE(Open("table=events")->Create({}).ok());
  const std::string user = schema_.name() + "_no_rights";
  schema_.Run(StrCat("CREATE ROLE ", user, " LOGIN; GRANT USAGE ON SCHEMA $ TO ", user));
  const std::unique_ptr<Destination> destination = OpenAs(user, "table=events");
  const std::string claim = Message(
      destination->cursor(RecordType::kEvent)->Claim({.object = "o"}, "writer/1", {}).status());
  const std::string write = Message(Write(*destination, {Event(1)}).status());
  for (const std::string& message : {claim, write}) {
    const size_t first = message.find("GRANT statements");
    ASSERT_NE(first, std::string::npos) << message;
    EXPECT_EQ(message.find("GRANT statements", first + 1), std::string::npos) << message;
  }
  schema_.Run(StrCat("DROP OWNED BY ", user, "; DROP ROLE ", user));
}

TEST_F(PostgresDestinationTest, ADatabaseWithoutAnEncodingIsFound) {
  const std::string name = schema_.name() + "_ascii";
  schema_.Run(StrCat("CREATE DATABASE ", name,
                     " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"));
  {
    const auto destination =
        MustOpen(StrCat("postgres://tester@/", name, "?host=", SocketFolder()));
    bool found = false;
    for (const AccessCheck& check : Failures(*destination)) {
      found = found || check.what.find("SQL_ASCII") != std::string::npos;
    }
    EXPECT_TRUE(found);
  }
  schema_.Run(StrCat("DROP DATABASE ", name));
}

TEST_F(PostgresDestinationTest, ChecksOfAServerThatCannotBeWrittenTo) {
  schema_.Run("SET default_transaction_read_only = off");
  schema_.Run("CREATE ROLE ro$ LOGIN; ALTER ROLE ro$ SET default_transaction_read_only = on");
  const std::unique_ptr<Destination> destination = OpenAs("ro" + schema_.name(), "table=events");
  const std::vector<AccessCheck> failures = Failures(*destination);
  ASSERT_FALSE(failures.empty());
  EXPECT_THAT(failures[0].remedy, HasSubstr("default_transaction_read_only = off"));
  schema_.Run("DROP ROLE ro$");
  const std::vector<AccessCheck> unreachable =
      Failures(*Open("table=events", "postgres://x@127.0.0.1:1/db?connect_timeout=2"));
  EXPECT_EQ(unreachable.size(), 1u);
}

TEST_F(PostgresDestinationTest, EachDayHasItsPartition) {
  const std::unique_ptr<Destination> destination = Open("table=events&partition=day");
  const auto event = [](std::string_view time) {
    return StrCat(R"({"event":"e","properties":{"time":)", time, "}}");
  };
  // Two days of 2026, none, before 2000, and in the year 2100.
  MustWrite(*destination,
            {event("1767225600"), event("1767225600"), event("1767311999"), event("1767312000"),
             R"({"event":"e","properties":{}})", event("900000000"), event("4102444800")});
  EXPECT_EQ(
      schema_.Text("SELECT string_agg(part || ' ' || n, ', ' ORDER BY part) FROM (SELECT "
                   "substr(tableoid::regclass::text, length('$.') + 1) AS part, count(*) AS n "
                   "FROM $.events GROUP BY 1) AS parts"),
      "events_default 3, events_p20260101 3, events_p20260102 1");
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM pg_indexes WHERE schemaname = '$' AND "
                           "indexname LIKE 'events_p20260101%'"),
            2);
  ASSERT_TRUE(destination->Drop({}).ok());
  EXPECT_EQ(Relations(), "");
}

// As after partition=day was off for a while, or a clock was wrong.
TEST_F(PostgresDestinationTest, ADayThatIsInTheDefaultPartitionStaysThere) {
  ASSERT_TRUE(Open("table=events&partition=day")->Create({}).ok());
  schema_.Run("INSERT INTO $.events (event_time, insert_time) VALUES ('2026-01-01', now())");
  const std::unique_ptr<Destination> destination = Open("table=events&partition=day");
  for (int times = 0; times < 2; ++times) {
    MustWrite(*destination, {R"({"event":"e","properties":{"time":1767225600}})",
                             R"({"event":"e","properties":{"time":1767312000}})"});
  }
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.events_default"), 3);
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.events_p20260102"), 2);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }

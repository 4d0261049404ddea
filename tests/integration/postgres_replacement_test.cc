// The contract of replacements, kept by PostgreSQL for tables of different kinds, and what
// triggers, policies and other sessions do to them in the meantime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/strings.h"
#include "cutting_proxy.h"
#include "pipeline/testing/replacement_contract.h"
#include "postgres_schema.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// What is replaced: a day of a table, plain or partitioned, or a whole table.
enum class Kind { kDay, kPartitionedDay, kAllEvents, kRaw };

constexpr int kDayBegin = 1796000000;  // seconds since 1970
const Scope kDay = {absl::FromUnixSeconds(kDayBegin), absl::FromUnixSeconds(kDayBegin + 86400)};

std::string EventAt(int64_t seconds, int n, std::string_view user = "good") {
  return StrCat(R"({"event":"e","properties":{"time":)", seconds, R"(,"distinct_id":")", user,
                R"(","n":)", n, "}}");
}

template <Kind kKind>
class PostgresReplacementFixture final : public ReplacementFixture {
 public:
  static constexpr bool kIsDay = kKind == Kind::kDay || kKind == Kind::kPartitionedDay;

  PostgresReplacementFixture()
      : folder_(TempFolder()), proxy_(folder_, SocketFolder() + "/.s.PGSQL.5432") {
    std::string uri = StrCat("postgres://tester@/postgres?host=", folder_,
                             "&schema=", schema_.name(), "&table=events");
    if (kKind == Kind::kRaw) uri += "&form=raw";
    if (kKind == Kind::kPartitionedDay) uri += "&partition=day";
    destination_ = MustOpen(uri);
    const absl::Status created = destination_->Create({});
    EXPECT_TRUE(created.ok()) << created;
    if (kKind == Kind::kRaw) {
      schema_.Run(
          "ALTER TABLE $.events ADD CHECK (record->'properties'->>'distinct_id' <> 'bad'); "
          "INSERT INTO $.events VALUES ('{\"event\": \"old\"}', now())");
      return;
    }
    schema_.Run("ALTER TABLE $.events ADD CHECK (distinct_id <> 'bad')");
    for (const int64_t seconds : {-1, 0, 86400}) {
      schema_.Run(StrCat("INSERT INTO $.events (event, event_time, insert_time) VALUES ('",
                         seconds == 0 || !kIsDay ? "old" : "rest", "', to_timestamp(",
                         kDayBegin + seconds, "), now())"));
    }
    if (!kIsDay) schema_.Run("DELETE FROM $.events WHERE event_time <> to_timestamp(1796000000)");
  }
  ~PostgresReplacementFixture() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Replacement> NewReplacement() override {
    auto replacement = destination_->NewReplacement(RecordType::kEvent, kIsDay ? kDay : Scope());
    EXPECT_TRUE(replacement.ok()) << replacement.status();
    return replacement.ok() ? *std::move(replacement) : nullptr;
  }
  std::string GoodRow(int n) override { return EventAt(kDayBegin + 3600 * n, n); }
  std::string BadRow(int n) override { return EventAt(kDayBegin, n, "bad"); }
  std::string RowOutside(int n) override { return kIsDay ? EventAt(kDayBegin + 86400, n) : ""; }
  int Visible(int n) override {
    const char* properties = kKind == Kind::kRaw ? "record->'properties'" : "properties";
    return static_cast<int>(schema_.Number(
        StrCat("SELECT count(*) FROM $.events WHERE ", properties, "->>'n' = '", n, "'")));
  }
  int VisibleOld() override {
    const char* event = kKind == Kind::kRaw ? "record->>'event'" : "event";
    return static_cast<int>(
        schema_.Number(StrCat("SELECT count(*) FROM $.events WHERE ", event, " = 'old'")));
  }
  bool IsRestUnchanged() override {
    if (kKind == Kind::kRaw) return true;
    const int64_t rest = schema_.Number("SELECT count(*) FROM $.events WHERE event = 'rest'");
    return rest == (kIsDay ? 2 : 0);
  }
  bool HasLeftovers() override {
    return schema_.Number(
               "SELECT count(*) FROM pg_class WHERE relnamespace = '$'::regnamespace AND relkind = "
               "'r' AND relname LIKE 'millrace\\_replace\\_%'") > 0;
  }
  bool LoseCollected() override {
    const std::string table = schema_.Text(
        "SELECT relname FROM pg_class WHERE relnamespace = '$'::regnamespace AND relname LIKE "
        "'millrace\\_replace\\_%' AND relkind = 'r' ORDER BY length(relname) LIMIT 1");
    schema_.Run(
        StrCat("DELETE FROM $.", table, " WHERE ctid = (SELECT max(ctid) FROM $.", table, ")"));
    return true;
  }
  bool FailNextWrite(bool with_effect) override {
    proxy_.CutAfter("_delivered", with_effect);
    return true;
  }
  bool FailNextPublish(bool with_effect) override {
    proxy_.CutAfter("SET CONSTRAINTS ALL IMMEDIATE; SELECT", with_effect);
    return true;
  }

 private:
  Schema schema_;
  const std::string folder_;
  CuttingProxy proxy_;
  std::unique_ptr<Destination> destination_;
};

template <Kind kKind>
std::unique_ptr<ReplacementFixture> Make() {
  return std::make_unique<PostgresReplacementFixture<kKind>>();
}

INSTANTIATE_TEST_SUITE_P(Postgres, ReplacementContract,
                         testing::Values(Make<Kind::kDay>, Make<Kind::kPartitionedDay>,
                                         Make<Kind::kAllEvents>, Make<Kind::kRaw>));

// A table of events, of which kDay is replaced by events 0, 1 and 2.
class PostgresReplacement : public testing::Test {
 protected:
  void Open(const std::string& query = "table=events") {
    destination_ = MustOpen(schema_.Uri(query));
    ASSERT_TRUE(destination_->Create({}).ok());
    auto replacement = destination_->NewReplacement(RecordType::kEvent, kDay);
    ASSERT_TRUE(replacement.ok()) << replacement.status();
    replacement_ = *std::move(replacement);
  }
  void Collect(Replacement& replacement, int first = 0, int rows = 3) {
    ASSERT_TRUE(replacement.Claim(object_, writer_, {}).ok());
    Batch batch;
    for (int n = first; n < first + rows; ++n) {
      batch.bytes.Append(EventAt(kDayBegin + n, n));
      batch.EndRow(batch.rows());
    }
    const BatchSpan span{
        .object = &object_, .writer = &writer_, .rows = batch.rows(), .end_row = batch.rows()};
    const WriteResult result = replacement.NewSink()->Write(batch, {&span, 1}, {});
    ASSERT_TRUE(result.durable()) << result.status();
  }
  // As Run() does.
  absl::Status Publish(Replacement& replacement) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const absl::Status status = replacement.Publish(object_, writer_, {});
      if (!absl::IsUnavailable(status)) return status;
    }
    return absl::UnavailableError("twenty times");
  }
  int64_t Events() { return schema_.Number("SELECT count(*) FROM $.events"); }

  Schema schema_;
  std::unique_ptr<Destination> destination_;
  std::unique_ptr<Replacement> replacement_;
  const LedgerKey object_{.object = "day", .version = "1", .config = "c", .destination = "d"};
  const std::string writer_ = "me/1";
};

TEST_F(PostgresReplacement, ATriggerThatLeavesRowsOutStopsIt) {
  Open();
  schema_.Run(
      "INSERT INTO $.events (event, event_time, insert_time) VALUES ('old', "
      "to_timestamp(1796000000), now()); CREATE FUNCTION $.drop_row() RETURNS trigger LANGUAGE "
      "plpgsql AS 'BEGIN IF NEW.properties->>''n'' = ''1'' THEN RETURN NULL; END IF; RETURN NEW; "
      "END'; CREATE TRIGGER drop_row BEFORE INSERT ON $.events FOR EACH ROW EXECUTE FUNCTION "
      "$.drop_row()");
  Collect(*replacement_);
  const absl::Status published = replacement_->Publish(object_, writer_, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(published)) << published;
  EXPECT_THAT(published.ToString(), HasSubstr("stored 2 of 3 rows"));
  EXPECT_EQ(schema_.Text("SELECT string_agg(event, ',') FROM $.events"), "old");
}

// Each would leave rows of the scope there that the next replacement does not find, or keep old
// ones.
TEST_F(PostgresReplacement, ATriggerOrRuleThatKeepsOrMovesRowsStopsIt) {
  Open();
  schema_.Run(
      "CREATE FUNCTION $.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
      "CREATE FUNCTION $.move() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.event_time := "
      "NEW.event_time + interval ''1 year''; RETURN NEW; END'");
  const std::pair<const char*, const char*> makes_and_drops[] = {
      {"CREATE TRIGGER t BEFORE DELETE ON $.events FOR EACH ROW EXECUTE FUNCTION $.keep()",
       "DROP TRIGGER t ON $.events"},
      {"CREATE TRIGGER t BEFORE INSERT ON $.events FOR EACH ROW EXECUTE FUNCTION $.move()",
       "DROP TRIGGER t ON $.events"},
      {"CREATE RULE r AS ON DELETE TO $.events DO INSTEAD NOTHING", "DROP RULE r ON $.events"}};
  schema_.Run(
      "INSERT INTO $.events (event, event_time, insert_time) VALUES ('old', "
      "to_timestamp(1796000000), now())");
  for (const auto& [make, drop] : makes_and_drops) {
    schema_.Run(make);
    Collect(*replacement_);
    const absl::Status published = replacement_->Publish(object_, writer_, {});
    EXPECT_TRUE(absl::IsFailedPrecondition(published)) << make << published;
    EXPECT_THAT(published.ToString(), HasSubstr("trigger, rule or policy"));
    EXPECT_EQ(schema_.Text("SELECT string_agg(event, ',') FROM $.events"), "old") << make;
    schema_.Run(drop);
  }
}

// Which would hide old rows from the DELETE.
TEST_F(PostgresReplacement, RowLevelSecurityStopsIt) {
  Open();
  schema_.Run(
      "DROP ROLE IF EXISTS mr_policed; CREATE ROLE mr_policed LOGIN; GRANT USAGE, CREATE ON SCHEMA "
      "$ TO mr_policed; GRANT SELECT, INSERT, DELETE ON $.events TO mr_policed");
  destination_ = MustOpen(schema_.Uri("table=events&user=mr_policed"));
  auto replacement = destination_->NewReplacement(RecordType::kEvent, kDay);
  ASSERT_TRUE(replacement.ok()) << replacement.status();
  Collect(**replacement);
  schema_.Run(
      "INSERT INTO $.events (event, event_time, insert_time) VALUES ('old', "
      "to_timestamp(1796000000), now()); ALTER TABLE $.events ENABLE ROW LEVEL SECURITY; CREATE "
      "POLICY p ON $.events USING (event <> 'old')");
  const absl::Status published = (*replacement)->Publish(object_, writer_, {});
  EXPECT_TRUE(absl::IsPermissionDenied(published)) << published;
  EXPECT_THAT(published.ToString(), HasSubstr("row-level security"));
  EXPECT_EQ(Events(), 1);
  replacement->reset();
  schema_.Run("DROP OWNED BY mr_policed; DROP ROLE mr_policed");
}

TEST_F(PostgresReplacement, AForeignKeyThatWouldDeleteRowsElsewhereStopsIt) {
  Open();
  schema_.Run(
      "ALTER TABLE $.events ADD UNIQUE (insert_id); CREATE TABLE $.notes (id text REFERENCES "
      "$.events (insert_id) ON DELETE CASCADE)");
  const auto claimed = replacement_->Claim(object_, writer_, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(claimed.status())) << claimed.status();
  EXPECT_THAT(claimed.status().ToString(), HasSubstr("notes_id_fkey"));
}

TEST_F(PostgresReplacement, AUniqueIndexThatRefusesARowStopsIt) {
  Open();
  schema_.Run("CREATE UNIQUE INDEX ON $.events (event)");
  Collect(*replacement_);
  const absl::Status published = replacement_->Publish(object_, writer_, {});
  EXPECT_FALSE(published.ok());
  EXPECT_FALSE(absl::IsUnavailable(published) || absl::IsAborted(published)) << published;
  EXPECT_THAT(published.ToString(), HasSubstr("duplicate key"));
  EXPECT_EQ(Events(), 0);
}

TEST_F(PostgresReplacement, ColumnsAndViewsOfOthersStay) {
  Open();
  schema_.Run(
      "ALTER TABLE $.events ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY, ADD COLUMN note "
      "text NOT NULL DEFAULT 'none'; CREATE VIEW $.names AS SELECT event, id, note FROM $.events");
  Collect(*replacement_);
  const absl::Status published = replacement_->Publish(object_, writer_, {});
  ASSERT_TRUE(published.ok()) << published;
  EXPECT_EQ(schema_.Number("SELECT count(DISTINCT id) FROM $.names WHERE note = 'none'"), 3);
}

TEST_F(PostgresReplacement, TwoDaysAreReplacedAtTheSameTime) {
  Open();
  auto next = destination_->NewReplacement(
      RecordType::kEvent, {.since = kDay.until, .until = kDay.until + absl::Hours(24)});
  ASSERT_TRUE(next.ok());
  Collect(**next, 86400, 2);
  Collect(*replacement_);
  const absl::Status published[] = {(*next)->Publish(object_, writer_, {}),
                                    replacement_->Publish(object_, writer_, {})};
  for (const absl::Status& one : published) EXPECT_TRUE(one.ok()) << one;
  EXPECT_EQ(Events(), 5);
}

// The first is held at its COMMIT; both would otherwise keep their rows of the second half.
TEST_F(PostgresReplacement, OverlappingOnesComeOneAfterTheOther) {
  Open();
  const std::string folder = TempFolder();
  {
    CuttingProxy proxy(folder, SocketFolder() + "/.s.PGSQL.5432");
    const auto through = MustOpen(StrCat("postgres://tester@/postgres?host=", folder,
                                         "&schema=", schema_.name(), "&table=events"));
    auto first = through->NewReplacement(RecordType::kEvent, kDay);
    ASSERT_TRUE(first.ok()) << first.status();
    auto second = destination_->NewReplacement(
        RecordType::kEvent, {.since = kDay.since, .until = kDay.until + absl::Hours(1)});
    ASSERT_TRUE(second.ok()) << second.status();
    Collect(**first, 0, 3);
    Collect(**second, 0, 2);
    proxy.HoldAfter("SET CONSTRAINTS ALL IMMEDIATE; SELECT");
    absl::Status published[2];
    std::thread publishing_first([&] { published[0] = Publish(**first); });
    while (schema_.Number("SELECT count(*) FROM pg_locks WHERE relation = '$.events'::regclass AND "
                          "mode = 'ShareRowExclusiveLock' AND granted") == 0) {
      std::this_thread::yield();
    }
    std::thread publishing_second([&] { published[1] = Publish(**second); });
    while (schema_.Number("SELECT count(*) FROM pg_locks WHERE relation = '$.events'::regclass AND "
                          "mode = 'ShareRowExclusiveLock' AND NOT granted") == 0) {
      std::this_thread::yield();
    }
    proxy.Release();
    publishing_first.join();
    publishing_second.join();
    for (const absl::Status& one : published) EXPECT_TRUE(one.ok()) << one;
    const int64_t events = Events();
    EXPECT_TRUE(events == 2 || events == 3) << events << ": not both";
  }
  std::filesystem::remove_all(folder);
}

TEST_F(PostgresReplacement, APartitionIsMadeForItsRows) {
  Open("table=events&partition=day");
  Collect(*replacement_);
  const absl::Status published = replacement_->Publish(object_, writer_, {});
  ASSERT_TRUE(published.ok()) << published;
  EXPECT_EQ(Events(), 3);
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM ONLY $.events_default"), 0);
}

TEST_F(PostgresReplacement, WithoutDeleteItSaysWhatToGrant) {
  Open();
  schema_.Run(
      "DROP ROLE IF EXISTS mr_appender; CREATE ROLE mr_appender LOGIN; GRANT USAGE, CREATE ON "
      "SCHEMA $ TO mr_appender; GRANT SELECT, INSERT ON $.events TO mr_appender; GRANT SELECT, "
      "INSERT, UPDATE, DELETE ON $.millrace_writers, $.millrace_delivered TO mr_appender");
  destination_ = MustOpen(schema_.Uri("table=events&user=mr_appender"));
  auto replacement = destination_->NewReplacement(RecordType::kEvent, kDay);
  ASSERT_TRUE(replacement.ok()) << replacement.status();
  Collect(**replacement);
  const absl::Status published = (*replacement)->Publish(object_, writer_, {});
  EXPECT_TRUE(absl::IsPermissionDenied(published)) << published;
  EXPECT_THAT(published.ToString(), HasSubstr("GRANT SELECT, INSERT, DELETE ON"));
  ASSERT_TRUE((*replacement)->Forget(object_, {}).ok());
  replacement->reset();
  schema_.Run("DROP OWNED BY mr_appender; DROP ROLE mr_appender");
}

TEST_F(PostgresReplacement, DropRemovesWhatWasNotPublished) {
  Open();
  Collect(*replacement_);
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                           "'$'::regnamespace AND relname LIKE 'millrace_replace%'"),
            3);
  EXPECT_THAT(destination_->DropNames(), testing::Contains(HasSubstr("unfinished replacements")));
  const absl::Status dropped = destination_->Drop({});
  EXPECT_TRUE(dropped.ok()) << dropped;
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                           "'$'::regnamespace"),
            0);
}

TEST_F(PostgresReplacement, OnlyATableWithTimesHasDays) {
  const auto destination = MustOpen(schema_.Uri("events=events&users=users"));
  const auto raw = MustOpen(schema_.Uri("table=events&form=raw"));
  for (const auto& replacement : {destination->NewReplacement(RecordType::kUser, kDay),
                                  raw->NewReplacement(RecordType::kEvent, kDay)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(replacement.status())) << replacement.status();
    EXPECT_THAT(replacement.status().ToString(), HasSubstr("Replace all of it"));
  }
  EXPECT_TRUE(destination->NewReplacement(RecordType::kUser, {}).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(destination->NewReplacement(RecordType::kGroup, {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      destination->NewReplacement(RecordType::kEvent, {.since = kDay.until, .until = kDay.since})
          .status()));
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }

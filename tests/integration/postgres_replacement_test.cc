// The contract of replacements, kept by PostgreSQL for tables of different kinds, and what else may
// happen to a table meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

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
  bool FailNextWrite(bool with_effect) override {
    proxy_.CutAfter("_delivered", with_effect);
    return true;
  }
  bool FailNextPublish(bool with_effect) override {
    proxy_.CutAfter("INSERT INTO ", with_effect);
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

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }

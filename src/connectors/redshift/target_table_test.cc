#include "connectors/redshift/target_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace millrace::redshift {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// A schema that has the tables `names`, and keeps what changes it.
class SchemaSession final : public SqlSession {
 public:
  SchemaSession(const TargetTable& table, std::vector<std::string> names)
      : table_(table), names_(std::move(names)) {}

  absl::StatusOr<TextRows> Execute(const std::vector<std::string>& statements,
                                   std::optional<size_t> result, std::stop_token) override {
    TextRows rows;
    const std::string& sql = statements.front();
    if (sql.find("CHAR_LENGTH") != std::string::npos) return TextRows{{"1"}};
    if (sql.find("pg_namespace") != std::string::npos) return TextRows{{"1"}};
    if (sql.find("DISTINCT table_name") != std::string::npos) {
      for (const std::string& name : names_) rows.push_back({name});
    } else if (sql.find("SELECT column_name") != std::string::npos) {
      for (const TableColumn& column : table_.columns()) {
        rows.push_back({column.name, std::string(SqlType(column.type)), "YES", std::nullopt});
      }
    } else if (!result) {
      changes.insert(changes.end(), statements.begin(), statements.end());
    }
    return rows;
  }
  absl::Status ExecuteAlone(const std::string&, const std::string&, std::stop_token) override {
    return absl::UnimplementedError("not needed");
  }
  const ServerError& error() const override { return error_; }

  std::vector<std::string> changes;

 private:
  const TargetTable& table_;
  const std::vector<std::string> names_;
  const ServerError error_;
};

class TargetTableTest : public testing::Test {
 protected:
  const RedshiftSpec spec_ =
      *RedshiftSpec::Parse(*UriQuery::Parse("redshift://work/dev/s?table=events"), false);
  TargetTable table_{spec_, RecordType::kEvent, *TableForm::Make(RecordType::kEvent, {})};
};

TEST_F(TargetTableTest, HalfACursorStops) {
  for (const auto& [there, gone] :
       {std::pair<std::string, std::string>{"millrace_events_writers", "millrace_events_delivered"},
        {"millrace_events_delivered", "millrace_events_writers"}}) {
    SchemaSession session(table_, {"events", there});
    const absl::Status status = table_.MakeReady(session, {}, {});
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(ToStd(status.message())),
                AllOf(HasSubstr(StrCat("the cursor of s.events is gone (s.", gone, " is missing)")),
                      HasSubstr(StrCat("drop s.", there, " too"))));
    EXPECT_THAT(session.changes, IsEmpty());
  }
}

TEST_F(TargetTableTest, ATableWithoutACursorGetsOneWithAWarning) {
  SchemaSession session(table_, {"events"});
  testing::internal::CaptureStderr();
  const absl::Status status = table_.MakeReady(session, {}, {});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(log, HasSubstr("s.events"));
  EXPECT_THAT(
      session.changes,
      Contains(StartsWith("CREATE TABLE IF NOT EXISTS \"s\".\"millrace_events_delivered\"")));
}

// A commit that another process has announced may be in the table.
TEST_F(TargetTableTest, CommitsAreNotForgottenWhileOneIsOpen) {
  const RedshiftSpec spec =
      *RedshiftSpec::Parse(*UriQuery::Parse("redshift://work/dev/s?table=events"), true);
  TargetTable table(spec, RecordType::kEvent, *TableForm::Make(RecordType::kEvent, {}));
  const std::vector<Intent> open = {{.id = "c0ffee"}};
  {
    SchemaSession session(table, {"events"});
    const absl::Status status = table.MakeReady(session, open, {});
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(ToStd(status.message())),
                AllOf(HasSubstr("s.millrace_events_commits is missing"),
                      HasSubstr("the commit c0ffee, which is open in the ledger,")));
    EXPECT_THAT(session.changes, IsEmpty());
  }
  // Without the table nothing of it is there, and with the record it is known.
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{}, {"events", "millrace_events_commits"}}) {
    SchemaSession session(table, names);
    const absl::Status status = table.MakeReady(session, open, {});
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_F(TargetTableTest, ACursorWithoutItsTableIsNoLoss) {
  SchemaSession session(table_, {"millrace_events_writers"});
  const absl::Status status = table_.MakeReady(session, {}, {});
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(session.changes, Contains(StartsWith("CREATE TABLE \"s\".\"events\"")));
}

}  // namespace
}  // namespace millrace::redshift

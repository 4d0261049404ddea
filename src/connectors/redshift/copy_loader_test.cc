#include "connectors/redshift/copy_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace millrace::redshift {
namespace {

using loads::FileLoad;
using loads::FileLoader;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = ServerError::Kind;

// What a scripted session is asked and says.
struct Exchange {
  std::deque<std::pair<absl::StatusOr<TextRows>, ServerError>> answers;
  std::vector<std::vector<std::string>> asked;

  void Answer(TextRows rows) { answers.emplace_back(std::move(rows), ServerError()); }
  void Fail(ServerError error) { answers.emplace_back(StatusOf(error), error); }
};

class ScriptedSession final : public SqlSession {
 public:
  explicit ScriptedSession(Exchange& exchange) : exchange_(exchange) {}
  absl::StatusOr<TextRows> Execute(const std::vector<std::string>& statements,
                                   std::optional<size_t>, std::stop_token) override {
    exchange_.asked.push_back(statements);
    if (exchange_.answers.empty()) return absl::InternalError("no answer is scripted");
    auto [rows, error] = std::move(exchange_.answers.front());
    exchange_.answers.pop_front();
    error_ = error;
    return rows;
  }
  absl::Status ExecuteAlone(const std::string&, const std::string&, std::stop_token) override {
    return absl::OkStatus();
  }
  const ServerError& error() const override { return error_; }

 private:
  Exchange& exchange_;
  ServerError error_;
};

class CopyLoaderTest : public testing::Test {
 protected:
  static RedshiftSpec Spec() {
    return *RedshiftSpec::Parse(*UriQuery::Parse("redshift://work/dev/s?table=events"), true);
  }
  FileLoad TwoFiles() {
    FileLoad load{.commit = "c0ffee", .files = {{"s3://b/one", 2, 10}, {"s3://b/\"two", 3, 10}}};
    load.write_manifest = [this](std::string_view text) -> absl::StatusOr<std::string> {
      manifest_ = text;
      return "s3://b/it's.manifest";
    };
    load.remove_files = [this] {
      removed_ = true;
      return absl::OkStatus();
    };
    return load;
  }

  const RedshiftSpec spec_ = Spec();
  Exchange exchange_;
  std::string manifest_;
  bool removed_ = false;
  TargetTable table_{spec_, RecordType::kEvent, *TableForm::Make(RecordType::kEvent, {})};
  CopyLoader loader_{spec_, table_,
                     [this] { return std::make_unique<ScriptedSession>(exchange_); }};
};

TEST_F(CopyLoaderTest, FilesAndOutcomeAreOneTransaction) {
  exchange_.Answer({});
  const auto outcome = loader_.Load(TwoFiles(), {});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, FileLoader::Outcome::kCommitted);
  EXPECT_EQ(manifest_,
            "{\"entries\":[\n{\"url\":\"s3://b/one\",\"mandatory\":true},\n"
            "{\"url\":\"s3://b/\\\"two\",\"mandatory\":true}\n]}\n");
  ASSERT_EQ(exchange_.asked.size(), 1u);
  const std::vector<std::string>& statements = exchange_.asked[0];
  ASSERT_EQ(statements.size(), 5u);
  EXPECT_EQ(statements[0], "LOCK TABLE \"s\".\"millrace_events_commits\"");
  EXPECT_THAT(statements[1], HasSubstr("WHERE commit_id = 'c0ffee'"));
  EXPECT_THAT(statements[2], StartsWith("COPY \"s\".\"events\" (\"event\", \"event_time\", "));
  EXPECT_THAT(statements[2],
              HasSubstr(") FROM 's3://b/it''s.manifest' IAM_ROLE default MANIFEST GZIP FORMAT AS "
                        "JSON 'auto ignorecase' TIMEFORMAT 'auto'"));
  EXPECT_THAT(statements[3], HasSubstr("PG_LAST_COPY_COUNT() = 5"));
  EXPECT_THAT(statements[4], HasSubstr("VALUES ('c0ffee', 'committed')"));
}

TEST_F(CopyLoaderTest, AGuardThatFailsAsksWhatIsRecorded) {
  exchange_.Fail({.kind = Kind::kRefusesRow, .message = "Divide by zero", .statement = 1});
  exchange_.Answer({{"committed"}});
  EXPECT_EQ(*loader_.Load(TwoFiles(), {}), FileLoader::Outcome::kCommitted);
  exchange_.Fail({.kind = Kind::kRefusesRow, .message = "Divide by zero", .statement = 1});
  exchange_.Answer({{"abandoned"}});
  EXPECT_EQ(*loader_.Load(TwoFiles(), {}), FileLoader::Outcome::kAbandoned);
}

TEST_F(CopyLoaderTest, Failures) {
  exchange_.Fail({.kind = Kind::kRefusesRow, .message = "Divide by zero", .statement = 3});
  EXPECT_TRUE(absl::IsDataLoss(loader_.Load(TwoFiles(), {}).status()));
  exchange_.Fail({.kind = Kind::kRefusesRow, .message = "Load failed", .statement = 2});
  const absl::Status refused = loader_.Load(TwoFiles(), {}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(ToStd(refused.message()), HasSubstr("sys_load_error_detail"));
  exchange_.Fail({.kind = Kind::kRetry, .message = "lost"});
  EXPECT_TRUE(absl::IsUnavailable(loader_.Load(TwoFiles(), {}).status()));
}

TEST_F(CopyLoaderTest, AbandonRecordsItUnlessItIsCommitted) {
  exchange_.Answer({{"abandoned"}});
  EXPECT_EQ(*loader_.Abandon(TwoFiles(), {}), FileLoader::Outcome::kAbandoned);
  EXPECT_THAT(exchange_.asked[0][1], HasSubstr("'abandoned' WHERE NOT EXISTS"));
  exchange_.Answer({{"committed"}});
  EXPECT_EQ(*loader_.Abandon(TwoFiles(), {}), FileLoader::Outcome::kCommitted);
  EXPECT_FALSE(removed_);
  exchange_.Fail({.kind = Kind::kMissing, .message = "no table"});
  exchange_.Answer({{"events"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(loader_.Abandon(TwoFiles(), {}).status()));
  EXPECT_FALSE(removed_);
  exchange_.Fail({.kind = Kind::kMissing, .message = "no table"});
  exchange_.Answer({});
  EXPECT_EQ(*loader_.Abandon(TwoFiles(), {}), FileLoader::Outcome::kAbandoned);
  EXPECT_TRUE(removed_);
}

// An announced commit may be in the table whose record of commits is gone.
TEST_F(CopyLoaderTest, AMissingRecordOfCommitsStopsWhatIsOpen) {
  exchange_.Fail({.kind = Kind::kMissing, .message = "no table"});
  exchange_.Answer({{"events"}});
  const absl::Status gone = loader_.OutcomeOf("c0ffee", {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(gone)) << gone;
  EXPECT_THAT(ToStd(gone.message()), HasSubstr("s.millrace_events_commits is missing"));
  exchange_.Fail({.kind = Kind::kMissing, .message = "no table"});
  exchange_.Answer({{"events"}, {"millrace_events_commits"}});
  EXPECT_TRUE(absl::IsUnavailable(loader_.OutcomeOf("c0ffee", {}).status()));
}

TEST_F(CopyLoaderTest, Outcomes) {
  exchange_.Answer({});
  EXPECT_EQ(*loader_.OutcomeOf("c0ffee", {}), FileLoader::Outcome::kNone);
  exchange_.Answer({{"committed"}});
  EXPECT_EQ(*loader_.OutcomeOf("c0ffee", {}), FileLoader::Outcome::kCommitted);
  exchange_.Fail({.kind = Kind::kMissing, .message = "no table"});
  exchange_.Answer({});
  EXPECT_EQ(*loader_.OutcomeOf("c0ffee", {}), FileLoader::Outcome::kNone);
  exchange_.Fail({.kind = Kind::kThrottled, .message = "slow"});
  EXPECT_TRUE(absl::IsUnavailable(loader_.OutcomeOf("c0ffee", {}).status()));
}

}  // namespace
}  // namespace millrace::redshift

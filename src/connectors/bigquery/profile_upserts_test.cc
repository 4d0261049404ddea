// Upserts of profiles over gRPC against a service within the test, and queries by scripted answers.
#include "connectors/bigquery/profile_upserts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "connectors/bigquery/testing/fake_queries.h"
#include "connectors/bigquery/testing/fake_storage.h"

namespace millrace::bigquery {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::Time kNow = absl::FromUnixMicros(0x6000000000000);
constexpr char kNowHex[] = "6000000000000";

class ProfileUpsertsTest : public testing::Test {
 protected:
  explicit ProfileUpsertsTest(RecordType type = RecordType::kUser)
      : form_(*TableForm::Make(type, {})) {
    storage_.AddTable(resource_);
  }

  std::unique_ptr<Replacement> Open() {
    return NewProfileUpserts({.spec = spec_,
                              .form = form_,
                              .rest = rest_,
                              .target = target_,
                              .table = prepared_,
                              .connection = connection_,
                              .streams = streams_,
                              .traffic = traffic_,
                              .clock = clock_});
  }

  // The answer to the query of a claim.
  void AnswerClaim(const char* repeated = "0", const char* others = "0",
                   const char* newest = nullptr) {
    queries_.answers.push_back(FakeQueries::Page({FakeQueries::Row({repeated, others, newest})}));
  }
  void Claim(Replacement& upserts, const std::string& writer) {
    AnswerClaim();
    const auto rows = upserts.Claim(object_, writer, {});
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_TRUE(rows->empty());
  }
  WriteResult Write(Replacement& upserts, const std::string& writer,
                    const std::vector<std::string>& records) {
    Batch batch;
    for (const std::string& record : records) {
      batch.bytes.Append(record);
      batch.EndRow(batch.rows());
    }
    const BatchSpan span{
        .object = &object_, .writer = &writer, .rows = batch.rows(), .end_row = batch.rows()};
    return upserts.NewSink()->Write(batch, {&span, 1}, {});
  }
  absl::Status Publish(Replacement& upserts, const std::string& writer = "me/1") {
    return upserts.Publish(object_, writer, {});
  }
  std::vector<FakeStorage::Row> Changes() { return storage_.rows(resource_); }

  const TableSpec spec_ = *TableSpec::Parse("bigquery://p/d?users=t&groups=g&profiles=upsert");
  const std::string resource_ = "projects/p/datasets/d/tables/t";
  const LedgerKey object_{.object = "snapshot", .version = "1", .config = "c", .destination = "d"};
  const TableForm form_;
  FakeClock clock_{kNow + absl::Nanoseconds(123)};
  FakeStorage storage_;
  Connection connection_{storage_.options()};
  Traffic traffic_;
  CallPace creations_{kStreamQuota, clock_};
  const WriteStreams streams_{connection_, traffic_, creations_, resource_};
  FakeQueries queries_;
  RestClient rest_{"http://fake", NoGoogleCredentials("token"), queries_.NewClient()};
  TargetTable target_{rest_, spec_, "t", form_};
  int prepared_times_ = 0;
  PreparedTable prepared_{[this](std::stop_token) -> absl::StatusOr<bool> {
                            ++prepared_times_;
                            return false;
                          },
                          clock_};
};

std::string User(const std::string& id, int n) {
  return StrCat(R"({"$distinct_id":")", id, R"(","$set":{"n":)", n, "}}");
}

TEST_F(ProfileUpsertsTest, ASnapshotReplacesRowsAndDeletesThoseThatAreGone) {
  const auto upserts = Open();
  Claim(*upserts, "me/1");
  const WriteResult written = Write(*upserts, "me/1", {User("a", 1), User(R"(b\")", 2)});
  ASSERT_TRUE(written.durable()) << written.status();
  EXPECT_THAT(written.refused(), IsEmpty());
  queries_.answers.push_back(
      FakeQueries::Page({FakeQueries::Row({"c"}), FakeQueries::Row({"d\"\\"})}, "page/2"));
  queries_.answers.push_back(FakeQueries::Page({FakeQueries::Row({"e"})}));
  const absl::Status published = Publish(*upserts);
  ASSERT_TRUE(published.ok()) << published;

  const auto changes = Changes();
  ASSERT_EQ(changes.size(), 5u);
  EXPECT_THAT(changes[0], testing::IsSupersetOf(FakeStorage::Row{
                              {"distinct_id", "a"},
                              {"operation", "$set"},
                              {"properties", R"({"n":1})"},
                              {"insert_time", StrCat(absl::ToUnixMicros(kNow))},
                              {"_CHANGE_TYPE", "UPSERT"},
                              {"_CHANGE_SEQUENCE_NUMBER", StrCat(kNowHex, "/1")}}));
  EXPECT_EQ(changes[1].at("distinct_id"), "b\"");
  const char* const gone[] = {"c", "d\"\\", "e"};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(changes[2 + i], testing::IsSupersetOf(FakeStorage::Row{
                                    {"distinct_id", gone[i]},
                                    {"_CHANGE_TYPE", "DELETE"},
                                    {"_CHANGE_SEQUENCE_NUMBER", StrCat(kNowHex, "/0")}}));
  }
  ASSERT_EQ(queries_.requests.size(), 3u);
  EXPECT_THAT(queries_.requests[1],
              AllOf(HasSubstr("SELECT distinct_id FROM `p.d.t`"),
                    HasSubstr(StrCat("TIMESTAMP_MICROS(", absl::ToUnixMicros(kNow), ")"))));
  EXPECT_THAT(queries_.requests[2],
              AllOf(HasSubstr("GET"), HasSubstr("/queries/job%201?"), HasSubstr("location=EU"),
                    HasSubstr("pageToken=page%2F2")));
  EXPECT_EQ(prepared_times_, 1);
}

class GroupUpsertsTest : public ProfileUpsertsTest {
 protected:
  GroupUpsertsTest() : ProfileUpsertsTest(RecordType::kGroup) {}
};

TEST_F(GroupUpsertsTest, AGroupIsKnownByItsKeyAndItsId) {
  const auto upserts = Open();
  Claim(*upserts, "me/1");
  EXPECT_THAT(queries_.requests[0], HasSubstr("GROUP BY group_key, group_id"));
  ASSERT_TRUE(
      Write(*upserts, "me/1", {R"({"$group_key":"k","$group_id":"1","$set":{}})"}).durable());
  queries_.answers.push_back(FakeQueries::Page({FakeQueries::Row({"k", "2"})}));
  ASSERT_TRUE(Publish(*upserts).ok());
  const auto changes = Changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].at("_CHANGE_TYPE"), "UPSERT");
  EXPECT_THAT(changes[1], testing::IsSupersetOf(FakeStorage::Row{
                              {"group_key", "k"}, {"group_id", "2"}, {"_CHANGE_TYPE", "DELETE"}}));
}

TEST_F(ProfileUpsertsTest, AVersionIsLaterThanAllInTheTable) {
  const std::string later = StrCat(absl::ToUnixMicros(kNow) + 15);
  const auto upserts = Open();
  AnswerClaim("0", "0", later.c_str());
  ASSERT_TRUE(upserts->Claim(object_, "me/1", {}).ok());
  ASSERT_TRUE(Write(*upserts, "me/1", {User("a", 1)}).durable());
  EXPECT_EQ(Changes()[0].at("_CHANGE_SEQUENCE_NUMBER"), "6000000000010/1");
  EXPECT_EQ(Changes()[0].at("insert_time"), StrCat(absl::ToUnixMicros(kNow) + 16));
}

TEST_F(ProfileUpsertsTest, AVersionIsLaterThanThatOfRowsThatAreDeleted) {
  queries_.table["labels"]["millrace_version"] = StrCat(absl::ToUnixMicros(kNow) + 15);
  const auto upserts = Open();
  Claim(*upserts, "me/1");  // no row is there
  ASSERT_TRUE(Write(*upserts, "me/1", {User("a", 1)}).durable());
  EXPECT_EQ(Changes()[0].at("_CHANGE_SEQUENCE_NUMBER"), "6000000000010/1");
}

TEST_F(ProfileUpsertsTest, ATableThatWasMadeAnewIsNoticed) {
  const auto upserts = Open();
  Claim(*upserts, "me/1");
  ASSERT_TRUE(Write(*upserts, "me/1", {User("a", 1)}).durable());
  queries_.table.erase("labels");
  queries_.answers.push_back(FakeQueries::Page({}));
  const absl::Status published = Publish(*upserts);
  EXPECT_TRUE(absl::IsFailedPrecondition(published)) << published;
  EXPECT_THAT(published.message(), HasSubstr("deleted and created"));
}

TEST_F(ProfileUpsertsTest, AClaimOfAnotherProcessIsNoticed) {
  const auto upserts = Open(), others = Open();
  Claim(*upserts, "me/1");
  Claim(*others, "other/1");
  queries_.answers.push_back(FakeQueries::Page({}));
  EXPECT_TRUE(absl::IsAborted(Publish(*upserts)));
  queries_.answers.push_back(FakeQueries::Page({}));
  EXPECT_TRUE(Publish(*others, "other/1").ok());
}

TEST_F(ProfileUpsertsTest, AQueryWithoutItsRowIsNoAnswer) {
  const auto upserts = Open();
  queries_.answers.push_back(FakeQueries::Page({}));
  EXPECT_TRUE(absl::IsUnavailable(upserts->Claim(object_, "me/1", {}).status()));
}

TEST_F(ProfileUpsertsTest, ATableThatOthersWriteToIsRefused) {
  for (const auto& [repeated, others] : {std::pair{"2", "0"}, std::pair{"0", "1"}}) {
    const auto upserts = Open();
    AnswerClaim(repeated, others);
    const absl::Status refused = upserts->Claim(object_, "me/1", {}).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(refused.message(), HasSubstr("name a table of its own"));
  }
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(ProfileUpsertsTest, AnEarlierWriterStoresNothing) {
  const auto upserts = Open();
  Claim(*upserts, "me/1");
  clock_.Advance(absl::Seconds(1));
  Claim(*upserts, "me/2");
  const WriteResult late = Write(*upserts, "me/1", {User("a", 1)});
  ASSERT_TRUE(late.durable()) << late.status();
  EXPECT_THAT(late.fenced(), ElementsAre(0));
  EXPECT_TRUE(absl::IsAborted(Publish(*upserts, "me/1")));
  ASSERT_TRUE(upserts->Forget(object_, {}).ok());
  EXPECT_TRUE(absl::IsAborted(Publish(*upserts, "me/2")));
  EXPECT_THAT(Write(*upserts, "me/2", {User("a", 1)}).fenced(), ElementsAre(0));
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(ProfileUpsertsTest, PublishingIsRepeatedUntilAllIsDeleted) {
  const auto upserts = Open();
  Claim(*upserts, "me/1");
  EXPECT_TRUE(absl::IsUnavailable(Publish(*upserts))) << "the query has no answer";
  storage_.on_append = [](int call) {
    return call == 1 ? FakeStorage::Fault::kReplyLost : FakeStorage::Fault::kNone;
  };
  queries_.answers.push_back(FakeQueries::Page({FakeQueries::Row({"c"})}));
  EXPECT_TRUE(absl::IsUnavailable(Publish(*upserts)));
  queries_.answers.push_back(FakeQueries::Page({FakeQueries::Row({"d"})}));  // c is gone
  EXPECT_TRUE(Publish(*upserts).ok());
  EXPECT_EQ(Changes().back().at("distinct_id"), "d");
  queries_.answers.push_back(FakeQueries::Page({}));
  EXPECT_TRUE(Publish(*upserts).ok());
}

TEST_F(ProfileUpsertsTest, AStopEndsEachCall) {
  std::stop_source stop;
  stop.request_stop();
  const auto upserts = Open();
  EXPECT_TRUE(absl::IsCancelled(upserts->Claim(object_, "me/1", stop.get_token()).status()));
  Claim(*upserts, "me/1");
  EXPECT_TRUE(absl::IsCancelled(upserts->Publish(object_, "me/1", stop.get_token())));
  EXPECT_TRUE(absl::IsCancelled(upserts->Forget(object_, stop.get_token())));
}

TEST_F(ProfileUpsertsTest, RunsThatAppendStop) {
  const WriteResult result = NewNoAppendSink()->Write(Batch(), {}, {});
  EXPECT_FALSE(result.durable() || result.retryable());
  EXPECT_THAT(result.status().message(), HasSubstr("without --append"));
}

}  // namespace
}  // namespace millrace::bigquery

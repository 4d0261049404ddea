#include "sandbox/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Hash128 Key(int i) { return HashBytes(StrCat("record ", i)); }

TEST(ParseFault, ReadsNamesValuesAndProbabilities) {
  EXPECT_EQ(ParseFault("401")->fault, Fault::k401);
  EXPECT_EQ(ParseFault("429:0.25")->probability, 0.25);
  EXPECT_EQ(ParseFault("slow=500ms")->duration, absl::Milliseconds(500));
  EXPECT_EQ(ParseFault("slow=1.5s:0.1")->duration, absl::Milliseconds(1500));
  EXPECT_EQ(ParseFault("503_retry_after")->duration, absl::Seconds(1));
  EXPECT_EQ(ParseFault("503_retry_after=30")->duration, absl::Seconds(30));
  EXPECT_EQ(ParseFault("partial_400")->share, 0.01);
  EXPECT_EQ(ParseFault("partial_400=0.5")->share, 0.5);
  EXPECT_EQ(ParseFault("partial_400:0.3")->share, 1);
  EXPECT_EQ(ParseFault("partial_400:0.3")->probability, 0.3);
  EXPECT_EQ(ParseFault("cut:0")->probability, 0);
}

TEST(ParseFault, RejectsUnknownFaultsAndListsTheKnownOnes) {
  for (std::string_view bad :
       {"", "nothing", "401=1", "429:2", "429:", "429:x", "slow", "slow=", "slow=fast", "slow=-1s",
        "503_retry_after=x", "partial_400=2", "partial_400=-0.1", "cut=5", "402", ":0.5"}) {
    const auto spec = ParseFault(bad);
    EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(spec.status().message(), HasSubstr("413_10mb")) << bad;
  }
}

TEST(ParseFault, ReadsThoseOfReads) {
  EXPECT_EQ(ParseFault("export_status=402:0.1")->number, 402);
  EXPECT_EQ(ParseFault("query_status=599")->number, 599);
  EXPECT_EQ(ParseFault("stale=10m")->duration, absl::Minutes(10));
  EXPECT_EQ(ParseFault("slow_query=1s")->duration, absl::Seconds(1));
  EXPECT_EQ(ParseFault("terminated_early=0")->number, 0);
  EXPECT_EQ(ParseFault("terminated_early:0.1")->number, std::nullopt);
  EXPECT_EQ(ParseFault("cut_export=123456789012")->number, 123456789012);
  EXPECT_EQ(ParseFault("split_records")->share, 0.01);
  EXPECT_EQ(ParseFault("split_records=1:0.5")->share, 1);
  for (std::string_view bad :
       {"export_status", "export_status=200", "query_status=600", "query_status=x", "stale",
        "slow_query", "terminated_early=-1", "cut_export=x", "short_gzip=1", "split_records=2"}) {
    EXPECT_FALSE(ParseFault(bad).ok()) << bad;
  }
}

TEST(Faults, DrawsThoseOfReadsForReadsOnly) {
  Faults faults(1);
  ASSERT_TRUE(faults
                  .Set({"401", "slow=1s", "export_status=503", "query_status=429", "slow_query=2s",
                        "stale=1m", "short_gzip", "cut_export=7"})
                  .ok());
  const ReadFaults of_export = faults.DrawRead(ReadApi::kExport);
  EXPECT_EQ(of_export.status, 503);
  EXPECT_EQ(of_export.delay, absl::Seconds(2));
  EXPECT_EQ(of_export.stale, absl::Minutes(1));
  EXPECT_TRUE(of_export.short_gzip);
  EXPECT_EQ(of_export.cut_after, 7);
  const ReadFaults of_query = faults.DrawRead(ReadApi::kQuery);
  EXPECT_EQ(of_query.status, 429);
  EXPECT_EQ(of_query.delay, absl::Seconds(2));
  EXPECT_EQ(of_query.stale, absl::ZeroDuration());
  EXPECT_FALSE(of_query.short_gzip || of_query.cut_after);
  const RequestFaults of_ingestion = faults.Draw();
  EXPECT_EQ(of_ingestion.refusal, 401);
  EXPECT_EQ(of_ingestion.delay, absl::Seconds(1));
}

TEST(Faults, DrawsReadsAgainForTheSameSeed) {
  const auto drawn = [] {
    Faults faults(7);
    EXPECT_TRUE(faults.Set({"terminated_early:0.5", "cut_export:0.5", "split_records=0.5"}).ok());
    std::vector<std::optional<uint64_t>> numbers;
    for (int i = 0; i < 50; ++i) {
      const ReadFaults read = faults.DrawRead(ReadApi::kExport);
      numbers.insert(numbers.end(), {read.records.terminated_after, read.cut_after,
                                     faults.SplitsRecord(read.records, 3) ? 1 : 0});
    }
    return numbers;
  };
  const auto numbers = drawn();
  EXPECT_EQ(numbers, drawn());
  const auto none = std::count(numbers.begin(), numbers.end(), std::nullopt);
  EXPECT_GT(none, 30);
  EXPECT_LT(none, 70);
}

TEST(Faults, SetsAllOrNone) {
  Faults faults(1);
  ASSERT_TRUE(faults.Set({"401", "slow=1s"}).ok());
  EXPECT_FALSE(faults.Set({"429", "bad"}).ok());
  EXPECT_THAT(faults.active(), ElementsAre("401", "slow=1s"));
  ASSERT_TRUE(faults.Set({}).ok());
  EXPECT_THAT(faults.active(), IsEmpty());
}

TEST(Faults, RequestsPassWithoutFaults) {
  Faults faults(1);
  const RequestFaults drawn = faults.Draw();
  EXPECT_EQ(drawn.refusal, 0);
  EXPECT_EQ(drawn.max_body_bytes, kMaxBodyBytes);
  EXPECT_FALSE(drawn.cut || drawn.reply_lost || drawn.size_limited);
  EXPECT_TRUE(drawn.processed);
  EXPECT_FALSE(faults.RefusesRecord(Key(1)));
  EXPECT_FALSE(faults.RefusesBatch({Key(1)}));
}

TEST(Faults, AreDeterministicForASeed) {
  const auto pattern = [](uint64_t seed) {
    Faults faults(seed);
    EXPECT_TRUE(faults.Set({"429:0.3", "slow=10ms:0.5", "cut:0.2"}).ok());
    std::string drawn;
    for (int i = 0; i < 200; ++i) {
      const RequestFaults request = faults.Draw();
      StrAppend(&drawn, request.refusal, absl::ToInt64Milliseconds(request.delay),
                request.cut ? "c" : "-", request.processed ? "p" : "-", request.cut_after, ";");
    }
    return drawn;
  };
  EXPECT_EQ(pattern(1), pattern(1));
  EXPECT_NE(pattern(1), pattern(2));
}

TEST(Faults, OccurWithTheirProbability) {
  Faults faults(7);
  ASSERT_TRUE(faults.Set({"429:0.3"}).ok());
  int refused = 0;
  for (int i = 0; i < 2000; ++i) refused += faults.Draw().refusal == 429;
  EXPECT_NEAR(refused, 600, 80);
  EXPECT_THAT(faults.hits(), ElementsAre(Pair("429", refused)));
  faults.ResetHits();
  EXPECT_THAT(faults.hits(), ElementsAre(Pair("429", 0)));
}

TEST(Faults, ARefusedRequestIsNotAlsoCut) {
  Faults faults(1);
  ASSERT_TRUE(faults.Set({"401", "cut", "reply_lost", "slow=10ms"}).ok());
  const RequestFaults drawn = faults.Draw();
  EXPECT_EQ(drawn.refusal, 401);
  EXPECT_FALSE(drawn.cut || drawn.reply_lost);
  EXPECT_EQ(drawn.delay, absl::Milliseconds(10));
  EXPECT_THAT(faults.hits(),
              ElementsAre(Pair("401", 1), Pair("slow", 1), Pair("cut", 0), Pair("reply_lost", 0)));
}

TEST(Faults, TheSmallestSizeLimitHolds) {
  Faults faults(1);
  ASSERT_TRUE(faults.Set({"413_10mb", "413_2mb"}).ok());
  const RequestFaults drawn = faults.Draw();
  EXPECT_EQ(drawn.max_body_bytes, kOldMostBodyBytes);
  EXPECT_EQ(drawn.size_fault, Fault::k413Of2Mb);
  EXPECT_THAT(faults.hits(), ElementsAre(Pair("413_2mb", 0), Pair("413_10mb", 0)));
}

TEST(Faults, RefuseTheSameRecordsInEveryProcess) {
  Faults faults(3);
  Faults others(3);
  ASSERT_TRUE(faults.Set({"partial_400=0.1"}).ok());
  ASSERT_TRUE(others.Set({"partial_400:0.1"}).ok());
  int refused = 0;
  for (int i = 0; i < 5000; ++i) {
    const bool first = faults.RefusesRecord(Key(i));
    EXPECT_EQ(first, faults.RefusesRecord(Key(i)));
    EXPECT_EQ(first, others.RefusesRecord(Key(i)));
    refused += first;
  }
  EXPECT_NEAR(refused, 500, 80);
}

TEST(Faults, RefuseBatchesByTheirMarkedRecords) {
  Faults faults(3);
  ASSERT_TRUE(faults.Set({"strings_400=0.1"}).ok());
  std::vector<Hash128> all;
  std::vector<Hash128> unmarked;
  for (int i = 0; i < 100; ++i) {
    all.push_back(Key(i));
    if (!faults.RefusesBatch({Key(i)})) unmarked.push_back(Key(i));
  }
  EXPECT_NEAR(static_cast<double>(unmarked.size()), 90, 9);
  EXPECT_TRUE(faults.RefusesBatch(all));
  EXPECT_FALSE(faults.RefusesBatch(unmarked));
  EXPECT_FALSE(faults.RefusesBatch({}));
}

TEST(Faults, RefuseBatchesByTheirContent) {
  Faults faults(3);
  ASSERT_TRUE(faults.Set({"strings_400:0.5"}).ok());
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    const bool first = faults.RefusesBatch({Key(i), Key(i + 1)});
    EXPECT_EQ(first, faults.RefusesBatch({Key(i), Key(i + 1)}));
    refused += first;
  }
  EXPECT_NEAR(refused, 100, 40);
}

}  // namespace
}  // namespace millrace::sandbox

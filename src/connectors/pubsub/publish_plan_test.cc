#include "connectors/pubsub/publish_plan.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <set>
#include <string>

#include "base/strings.h"

namespace millrace::pubsub {
namespace {

using Request = PublishPlan::Request;

Batch MakeBatch(size_t rows, uint64_t first_row = 0) {
  Batch batch;
  for (size_t row = 0; row < rows; ++row) {
    batch.bytes.Append(StrCat("{\"n\":", row, "}"));
    batch.EndRow(first_row + row);
  }
  return batch;
}

// Rows [begin, end) of 10 bytes.
Lane MakeLane(size_t begin, size_t end) {
  Lane lane;
  for (size_t row = begin; row < end; ++row) lane.push_back({.row = row, .bytes = 10});
  return lane;
}

std::vector<size_t> RowsOf(const Request& request) {
  std::vector<size_t> rows;
  for (const SizedRow& row : request.rows) rows.push_back(row.row);
  return rows;
}

std::vector<size_t> RowsOf(const std::vector<RefusedRow>& refused) {
  std::vector<size_t> rows;
  for (const RefusedRow& row : refused) rows.push_back(row.row);
  return rows;
}

// Sends everything, one request at a time; `refuse` says which rows the service refuses, with which
// words. Returns the rows that were published, in their order.
std::vector<size_t> Drive(PublishPlan& plan, const std::function<std::string(size_t)>& refuse,
                          int* requests = nullptr) {
  std::vector<size_t> published;
  while (!plan.refused_whole()) {
    const auto request = plan.Next();
    if (!request) break;
    if (requests != nullptr) ++*requests;
    std::string words;
    for (const size_t row : RowsOf(*request)) {
      if (words.empty()) words = refuse(row);
    }
    if (!words.empty()) {
      plan.Refused(*request, words);
      continue;
    }
    for (const size_t row : RowsOf(*request)) published.push_back(row);
    plan.Published(*request);
  }
  return published;
}

TEST(PublishPlanTest, RequestsKeepTheirLimits) {
  PublishPlan plan({.messages = 3, .bytes = 100});
  plan.Begin(MakeBatch(8), {{{.row = 0, .bytes = 10},
                             {.row = 1, .bytes = 10},
                             {.row = 2, .messages = 2, .bytes = 10},
                             {.row = 3, .bytes = 500},
                             {.row = 4, .bytes = 60},
                             {.row = 5, .bytes = 40},
                             {.row = 6, .bytes = 1}}});
  std::vector<std::vector<size_t>> requests;
  while (const auto request = plan.Next()) {
    requests.push_back(RowsOf(*request));
    plan.Published(*request);
  }
  EXPECT_EQ(requests, (std::vector<std::vector<size_t>>{{0, 1}, {2}, {3}, {4, 5}, {6}}));
  EXPECT_TRUE(plan.Finish().empty());
}

TEST(PublishPlanTest, ALaneHasOneRequestInFlight) {
  PublishPlan plan({.messages = 2});
  plan.Begin(MakeBatch(8), {MakeLane(0, 4), MakeLane(4, 8)});
  const auto first = plan.Next();
  const auto second = plan.Next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(RowsOf(*first), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(RowsOf(*second), (std::vector<size_t>{4, 5}));
  EXPECT_FALSE(plan.Next());
  plan.Published(*second);
  const auto third = plan.Next();
  ASSERT_TRUE(third);
  EXPECT_EQ(RowsOf(*third), (std::vector<size_t>{6, 7}));
  EXPECT_FALSE(plan.Next());
}

TEST(PublishPlanTest, FindsRefusedRowsAndKeepsTheOrder) {
  PublishPlan plan({.messages = 100});
  plan.Begin(MakeBatch(300), {MakeLane(0, 300)});
  const std::set<size_t> bad = {0, 57, 58, 150, 299};
  const auto published =
      Drive(plan, [&](size_t row) { return bad.contains(row) ? StrCat("bad ", row) : ""; });
  EXPECT_FALSE(plan.refused_whole());
  EXPECT_TRUE(std::is_sorted(published.begin(), published.end()));
  EXPECT_EQ(published.size(), 295u);
  const std::vector<RefusedRow> refused = plan.Finish();
  EXPECT_EQ(RowsOf(refused), std::vector<size_t>(bad.begin(), bad.end()));
  EXPECT_EQ(refused[1].message, "bad 57");
  EXPECT_EQ(refused[1].code, "rejected_by_destination");
}

// The rest of a search that takes too long is refused as it is.
TEST(PublishPlanTest, TheSearchIsLimited) {
  PublishPlan plan({});
  plan.Begin(MakeBatch(4000), {MakeLane(0, 2000), MakeLane(2000, 4000)});
  int requests = 0;
  const auto published = Drive(
      plan, [](size_t row) { return row % 2 == 0 ? "even" : ""; }, &requests);
  EXPECT_LE(requests, PublishPlan::kMaxSearchRequests + 4);
  const std::vector<RefusedRow> refused = plan.Finish();
  EXPECT_EQ(published.size() + refused.size(), 4000u);
  EXPECT_GT(published.size(), 100u);
}

TEST(PublishPlanTest, ABatchOfWhichEverythingIsRefusedAlikeIsRefusedWhole) {
  for (const size_t rows : {1u, 3u, 5000u}) {
    PublishPlan plan({});
    plan.Begin(MakeBatch(rows), {MakeLane(0, rows)});
    int requests = 0;
    EXPECT_TRUE(Drive(
                    plan, [](size_t) { return "archived"; }, &requests)
                    .empty());
    EXPECT_TRUE(plan.refused_whole()) << rows;
    EXPECT_EQ(plan.words(), "archived");
    EXPECT_LE(requests, PublishPlan::kMaxSearchRequests + 5);
    (void)plan.Finish();
  }
  PublishPlan plan({});
  plan.Begin(MakeBatch(3), {MakeLane(0, 3)});
  Drive(plan, [](size_t row) { return StrCat("row ", row); });
  EXPECT_FALSE(plan.refused_whole());
  EXPECT_EQ(plan.Finish().size(), 3u);
}

// The search goes from the first row to the last, so bad rows at the beginning can take all of it.
TEST(PublishPlanTest, BadRowsAtTheBeginningDoNotHideTheGoodOnes) {
  for (const size_t lanes : {1u, 16u}) {
    for (const size_t bad : {500u, 501u, 750u, 999u}) {
      PublishPlan plan({});
      std::vector<Lane> all;
      for (size_t lane = 0; lane < lanes; ++lane) {
        all.push_back(MakeLane(lane * 1000, (lane + 1) * 1000));
      }
      plan.Begin(MakeBatch(lanes * 1000), std::move(all));
      int requests = 0;
      const auto published = Drive(
          plan, [&](size_t row) { return row % 1000 < bad ? "bad" : ""; }, &requests);
      EXPECT_FALSE(plan.refused_whole()) << lanes << " lanes, " << bad << " bad";
      EXPECT_LE(requests, PublishPlan::kMaxSearchRequests + static_cast<int>(lanes));
      EXPECT_EQ(published.size() + plan.Finish().size(), lanes * 1000);
      // The limited search does not find all good rows, but all that are in the other half.
      if (bad == 500) {
        EXPECT_EQ(published.size(), lanes * 500);
      }
    }
  }
}

TEST(PublishPlanTest, ABatchThatWasSetAsideIsResumed) {
  PublishPlan plan({.messages = 2});
  const Batch batch = MakeBatch(8);
  const auto lanes = [] { return std::vector<Lane>{MakeLane(0, 4), MakeLane(4, 8)}; };
  plan.Begin(batch, lanes());
  const auto first = plan.Next();
  const auto second = plan.Next();
  plan.Published(*first);
  plan.Failed(*second);
  plan.PutAside(batch);
  plan.Begin(batch, lanes());
  EXPECT_EQ(Drive(plan, [](size_t row) { return row == 5 ? "bad" : ""; }),
            (std::vector<size_t>{2, 3, 4, 6, 7}));
  EXPECT_EQ(RowsOf(plan.Finish()), (std::vector<size_t>{5}));

  // Another batch, though with the same content, is sent from its beginning.
  plan.Begin(batch, lanes());
  plan.Published(*plan.Next());
  plan.PutAside(batch);
  plan.Begin(MakeBatch(8, /*first_row=*/8), lanes());
  EXPECT_EQ(Drive(plan, [](size_t) { return ""; }).size(), 8u);
}

}  // namespace
}  // namespace millrace::pubsub

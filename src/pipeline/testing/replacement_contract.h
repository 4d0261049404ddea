// The contract of every destination that can replace (pipeline/replacement.h), as a test suite.
// Include it in one file of a test program and instantiate it, as with sink_contract.h. What Run()
// makes of it, killed at every step, is in pipeline/replacement_crash_test.cc.
#ifndef MILLRACE_PIPELINE_TESTING_REPLACEMENT_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_REPLACEMENT_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/replacement.h"

namespace millrace {

// A destination, and one scope of it, in which it has one old record.
class ReplacementFixture {
 public:
  virtual ~ReplacementFixture() = default;
  // As one process has it; when it is destroyed, the process is dead.
  virtual std::unique_ptr<Replacement> NewReplacement() = 0;
  // A row of the scope, another for each `n`; one that the destination refuses; and one that is
  // outside of the scope: "" if none is.
  virtual std::string GoodRow(int n) = 0;
  virtual std::string BadRow(int n) = 0;
  virtual std::string RowOutside(int n) = 0;
  // How often GoodRow(n) is visible, and the old record.
  virtual int Visible(int n) = 0;
  virtual int VisibleOld() = 0;
  // Whether anything is visible as it should be outside of the scope.
  virtual bool IsRestUnchanged() = 0;
  // Whether something of a replacement is left where records are collected.
  virtual bool HasLeftovers() = 0;
  // Some of what was collected is lost, as in a failover. False if this fixture cannot do that.
  virtual bool LoseCollected() { return false; }
  // The next write, or call of Publish(), is Unavailable, with or without its effect. False if this
  // fixture cannot do that.
  virtual bool FailNextWrite(bool with_effect) = 0;
  virtual bool FailNextPublish(bool with_effect) = 0;
};

using ReplacementMaker = std::unique_ptr<ReplacementFixture> (*)();

class ReplacementContract : public testing::TestWithParam<ReplacementMaker> {
 protected:
  ReplacementFixture& fixture() { return *fixture_; }

  void Claim(Replacement& replacement, const std::string& writer) {
    const absl::StatusOr<RowRanges> rows = replacement.Claim(object_, writer, {});
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_TRUE(rows->empty());
  }
  // Rows of the object from `first_row` on, until the outcome is known, as Run() does.
  WriteResult Write(Replacement& replacement, const std::string& writer,
                    const std::vector<std::string>& rows, uint64_t first_row = 0) {
    Batch batch;
    for (const std::string& row : rows) {
      batch.bytes.Append(row);
      batch.EndRow(first_row + batch.rows());
    }
    const BatchSpan span{.object = &object_,
                         .writer = &writer,
                         .rows = batch.rows(),
                         .begin_row = first_row,
                         .end_row = first_row + batch.rows()};
    const std::unique_ptr<Sink> sink = replacement.NewSink();
    for (int attempt = 0; attempt < 10; ++attempt) {
      WriteResult result = sink->Write(batch, {&span, 1}, {});
      if (result.durable() || !result.retryable()) return result;
    }
    return WriteResult();
  }
  void Collect(Replacement& replacement, const std::string& writer, int first, int rows) {
    std::vector<std::string> good;
    for (int n = first; n < first + rows; ++n) good.push_back(fixture().GoodRow(n));
    const WriteResult result = Write(replacement, writer, good, static_cast<uint64_t>(first));
    ASSERT_TRUE(result.durable()) << result.status();
    EXPECT_TRUE(result.refused().empty());
    EXPECT_TRUE(result.fenced().empty());
  }
  absl::Status Publish(Replacement& replacement, const std::string& writer) {
    for (int attempt = 0; attempt < 10; ++attempt) {
      const absl::Status status = replacement.Publish(object_, writer, {});
      if (!absl::IsUnavailable(status)) return status;
    }
    return absl::UnavailableError("ten times");
  }
  void MustPublish(Replacement& replacement, const std::string& writer = "me/1") {
    const absl::Status published = Publish(replacement, writer);
    ASSERT_TRUE(published.ok()) << published;
  }
  // Visible are GoodRow(first) and the next ones, each once, and nothing else.
  void ExpectVisible(int first, int rows) {
    for (int n = 0; n < 10; ++n) {
      EXPECT_EQ(fixture().Visible(n), n >= first && n < first + rows ? 1 : 0) << n;
    }
    EXPECT_EQ(fixture().VisibleOld(), 0);
    EXPECT_TRUE(fixture().IsRestUnchanged());
  }
  void ExpectUnchanged() {
    for (int n = 0; n < 10; ++n) EXPECT_EQ(fixture().Visible(n), 0) << n;
    EXPECT_EQ(fixture().VisibleOld(), 1);
    EXPECT_TRUE(fixture().IsRestUnchanged());
  }

  const LedgerKey object_{.object = "day", .version = "1", .config = "c", .destination = "d"};

 private:
  const std::unique_ptr<ReplacementFixture> fixture_ = GetParam()();
};

TEST_P(ReplacementContract, WhatIsCollectedReplacesTheScopeAtOnce) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  Collect(*replacement, "me/1", 0, 2);
  Collect(*replacement, "me/1", 2, 3);
  ExpectUnchanged();
  MustPublish(*replacement);
  ExpectVisible(0, 5);
  EXPECT_FALSE(fixture().HasLeftovers());
}

TEST_P(ReplacementContract, TheNextReplacementReplacesTheFirst) {
  for (const int first : {0, 3}) {
    const auto replacement = fixture().NewReplacement();
    Claim(*replacement, StrCat("me/", first));
    Collect(*replacement, StrCat("me/", first), first, 3);
    MustPublish(*replacement, StrCat("me/", first));
    ExpectVisible(first, 3);
  }
}

TEST_P(ReplacementContract, AnObjectWithoutRowsLeavesTheScopeEmpty) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  MustPublish(*replacement);
  ExpectVisible(0, 0);
}

TEST_P(ReplacementContract, AClaimBeginsAnew) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  Collect(*replacement, "me/1", 0, 5);
  Claim(*replacement, "me/2");
  Collect(*replacement, "me/2", 0, 2);
  EXPECT_TRUE(absl::IsAborted(Publish(*replacement, "me/1")));
  ExpectUnchanged();
  MustPublish(*replacement, "me/2");
  ExpectVisible(0, 2);
}

TEST_P(ReplacementContract, WhatADeadProcessCollectedIsRemoved) {
  {
    const auto dead = fixture().NewReplacement();
    Claim(*dead, "dead/1");
    Collect(*dead, "dead/1", 0, 5);
  }
  ExpectUnchanged();
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  Collect(*replacement, "me/1", 0, 2);
  MustPublish(*replacement);
  ExpectVisible(0, 2);
  EXPECT_FALSE(fixture().HasLeftovers());
}

TEST_P(ReplacementContract, AnEarlierWriterIsFenced) {
  const auto earlier = fixture().NewReplacement();
  Claim(*earlier, "earlier/1");
  Collect(*earlier, "earlier/1", 0, 2);
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  Collect(*replacement, "me/1", 0, 1);
  const WriteResult late = Write(*earlier, "earlier/1", {fixture().GoodRow(2)}, 2);
  ASSERT_TRUE(late.durable()) << late.status();
  EXPECT_EQ(late.fenced(), (std::vector<size_t>{0}));
  EXPECT_TRUE(absl::IsAborted(Publish(*earlier, "earlier/1")));
  ExpectUnchanged();
  MustPublish(*replacement);
  ExpectVisible(0, 1);
  EXPECT_TRUE(absl::IsAborted(Publish(*earlier, "earlier/1"))) << "after it was published too";
  const WriteResult later = Write(*earlier, "earlier/1", {fixture().GoodRow(3)}, 3);
  ASSERT_TRUE(later.durable()) << later.status();
  EXPECT_EQ(later.fenced(), (std::vector<size_t>{0}));
  EXPECT_FALSE(fixture().HasLeftovers());
  ExpectVisible(0, 1);
}

TEST_P(ReplacementContract, AWriteWhoseResponseWasLostIsThereOnce) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  if (!fixture().FailNextWrite(/*with_effect=*/true)) GTEST_SKIP() << "no response can be lost";
  Collect(*replacement, "me/1", 0, 3);
  MustPublish(*replacement);
  ExpectVisible(0, 3);
}

TEST_P(ReplacementContract, AnUnknownOutcomeIsSettledByPublishingAgain) {
  for (const bool with_effect : {false, true}) {
    const auto replacement = fixture().NewReplacement();
    const std::string writer = StrCat("me/", with_effect);
    Claim(*replacement, writer);
    Collect(*replacement, writer, 0, 3);
    if (!fixture().FailNextPublish(with_effect)) GTEST_SKIP() << "no response can be lost";
    // It may have tried again itself.
    const absl::Status published = replacement->Publish(object_, writer, {});
    if (!published.ok()) {
      EXPECT_TRUE(absl::IsUnavailable(published)) << published;
      MustPublish(*replacement, writer);
    }
    ExpectVisible(0, 3);
    EXPECT_FALSE(fixture().HasLeftovers());
  }
}

TEST_P(ReplacementContract, RefusedRowsAreListedAndTheOthersReplace) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  const WriteResult result =
      Write(*replacement, "me/1", {fixture().BadRow(1), fixture().GoodRow(0), fixture().BadRow(2)});
  ASSERT_TRUE(result.durable()) << result.status();
  ASSERT_EQ(result.refused().size(), 2u);
  EXPECT_EQ(result.refused()[0].row, 0u);
  EXPECT_EQ(result.refused()[1].row, 2u);
  MustPublish(*replacement);
  ExpectVisible(0, 1);
}

TEST_P(ReplacementContract, ARecordOutsideOfTheScopeStopsTheReplacement) {
  if (fixture().RowOutside(1).empty()) GTEST_SKIP() << "no row is outside of the scope";
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  const WriteResult result =
      Write(*replacement, "me/1", {fixture().GoodRow(0), fixture().RowOutside(1)});
  ASSERT_TRUE(result.durable()) << result.status();
  const absl::Status published = Publish(*replacement, "me/1");
  EXPECT_TRUE(absl::IsFailedPrecondition(published)) << published;
  ExpectUnchanged();
}

TEST_P(ReplacementContract, WhatWasLostStopsTheReplacement) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  Collect(*replacement, "me/1", 0, 5);
  if (!fixture().LoseCollected()) GTEST_SKIP() << "nothing can be lost";
  const absl::Status published = Publish(*replacement, "me/1");
  EXPECT_TRUE(absl::IsFailedPrecondition(published)) << published;
  ExpectUnchanged();
}

TEST_P(ReplacementContract, WhatIsForgottenIsRemoved) {
  const auto replacement = fixture().NewReplacement();
  Claim(*replacement, "me/1");
  Collect(*replacement, "me/1", 0, 2);
  EXPECT_TRUE(fixture().HasLeftovers());
  for (int times = 0; times < 2; ++times) {
    const absl::Status forgotten = replacement->Forget(object_, {});
    EXPECT_TRUE(forgotten.ok()) << forgotten;
  }
  EXPECT_FALSE(fixture().HasLeftovers());
  EXPECT_TRUE(absl::IsAborted(Publish(*replacement, "me/1")));
  const WriteResult late = Write(*replacement, "me/1", {fixture().GoodRow(2)}, 2);
  ASSERT_TRUE(late.durable()) << late.status();
  EXPECT_EQ(late.fenced(), (std::vector<size_t>{0}));
  EXPECT_FALSE(fixture().HasLeftovers());
  ExpectUnchanged();
}

TEST_P(ReplacementContract, AStopEndsEachCall) {
  std::stop_source stop;
  stop.request_stop();
  const auto replacement = fixture().NewReplacement();
  EXPECT_TRUE(absl::IsCancelled(replacement->Claim(object_, "me/1", stop.get_token()).status()));
  Claim(*replacement, "me/1");
  EXPECT_TRUE(absl::IsCancelled(replacement->Publish(object_, "me/1", stop.get_token())));
  EXPECT_TRUE(absl::IsCancelled(replacement->Forget(object_, stop.get_token())));
  ExpectUnchanged();
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_REPLACEMENT_CONTRACT_H_

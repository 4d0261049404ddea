// The contract of every staged destination (pipeline/staging.h), as a test suite. Include it in one
// file of a test program and instantiate it, as with sink_contract.h. What Run() makes of it,
// killed at every step, is in pipeline/staged_crash_test.cc.
#ifndef MILLRACE_PIPELINE_TESTING_STAGING_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_STAGING_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"
#include "pipeline/staging.h"

namespace millrace {

// A staged destination.
class StagingFixture {
 public:
  virtual ~StagingFixture() = default;
  // As one process has it; when it is destroyed, the process is dead.
  virtual std::unique_ptr<Staging> NewStaging() = 0;
  // A row that the destination accepts, another for each `n`.
  virtual std::string GoodRow(int n) = 0;
  // One that it refuses when it is staged, and one that it refuses in the commit; "": it has none.
  virtual std::string BadRow(int n) = 0;
  virtual std::string RowRefusedByCommit(int n) = 0;
  // How often GoodRow(n) is visible.
  virtual int Visible(int n) = 0;
  // The next call of Committer::Commit() ends in kRetry; what it has done by then. False if this
  // fixture cannot do that.
  enum class Failure { kNothingDone, kAllDone, kHalfDone, kArrivesLate };
  virtual bool FailNextCommit(Failure how) = 0;
  // Requests that were delayed by kArrivesLate arrive.
  virtual void DeliverLate() = 0;
  // The part vanishes. False if this fixture cannot do that.
  virtual bool LosePart(const std::string& part) = 0;
};

using StagingMaker = std::unique_ptr<StagingFixture> (*)();

class StagingContract : public testing::TestWithParam<StagingMaker> {
 protected:
  StagingFixture& fixture() { return *fixture_; }

  // Stages rows of one object: GoodRow(n) for n >= 0.
  void Stage(StagedSink& sink, const std::vector<std::string>& rows, uint64_t first_row = 0) {
    Batch batch;
    for (const std::string& row : rows) {
      batch.bytes.Append(row);
      batch.EndRow(first_row + batch.rows());
    }
    const BatchSpan span{.object = &object_,
                         .writer = &writer_,
                         .rows = batch.rows(),
                         .begin_row = first_row,
                         .end_row = first_row + batch.rows()};
    staged_ = sink.Stage(batch, {&span, 1}, {});
    ASSERT_TRUE(staged_.durable()) << staged_.status();
  }
  void StageGood(StagedSink& sink, int first, int rows) {
    std::vector<std::string> good;
    for (int n = first; n < first + rows; ++n) good.push_back(fixture().GoodRow(n));
    Stage(sink, good, static_cast<uint64_t>(first));
  }

  // The intent of what the sinks have staged, sealed.
  Intent Seal(const std::vector<StagedSink*>& sinks, uint64_t rows) {
    Intent intent;
    intent.id = ToHex(HashBytes(StrCat("commit ", commits_++)));
    intent.destination = object_.destination;
    for (StagedSink* sink : sinks) {
      const auto parts = sink->Seal(intent.id, {});
      EXPECT_TRUE(parts.ok()) << parts.status();
      if (parts.ok()) intent.parts.insert(intent.parts.end(), parts->begin(), parts->end());
      EXPECT_EQ(sink->staged_bytes(), 0u);
    }
    intent.spans = {{.object = object_,
                     .after = {.row = rows},
                     .counts = {.read = rows, .accepted = rows, .events = rows}}};
    return intent;
  }
  Intent SealOne(StagedSink& sink, uint64_t rows) { return Seal({&sink}, rows); }

  // As a run does: again while it is unknown.
  static CommitResult Commit(Committer& committer, const Intent& intent) {
    for (int attempt = 0; attempt < 10; ++attempt) {
      CommitResult result = committer.Commit(intent, {});
      if (result.kind != CommitResult::Kind::kRetry) return result;
    }
    return {};
  }
  void MustCommit(Committer& committer, const Intent& intent) {
    const CommitResult result = Commit(committer, intent);
    ASSERT_EQ(result.kind, CommitResult::Kind::kCommitted) << result.status;
  }
  void ExpectVisible(int first, int rows, int times) {
    for (int n = first; n < first + rows; ++n) EXPECT_EQ(fixture().Visible(n), times) << n;
  }

  const LedgerKey object_{.object = "o", .version = "1", .config = "c", .destination = "d"};
  const std::string writer_ = "writer/1";
  WriteResult staged_;

 private:
  const std::unique_ptr<StagingFixture> fixture_ = GetParam()();
  int commits_ = 0;
};

TEST_P(StagingContract, RowsAreVisibleOnceTheyAreCommitted) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 3);
  EXPECT_GT(sink->staged_bytes(), 0u);
  const Intent intent = SealOne(*sink, 3);
  EXPECT_FALSE(intent.parts.empty());
  ExpectVisible(0, 3, 0);
  MustCommit(*staging->NewCommitter(), intent);
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, NothingStagedHasNoParts) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  EXPECT_TRUE(SealOne(*sink, 0).parts.empty());
  StageGood(*sink, 0, 1);
  EXPECT_FALSE(SealOne(*sink, 1).parts.empty());
  EXPECT_TRUE(SealOne(*sink, 1).parts.empty()) << "it was sealed";
}

TEST_P(StagingContract, OneCommitShowsTheRowsOfAllSinks) {
  const auto staging = fixture().NewStaging();
  const auto one = staging->NewSink(), other = staging->NewSink(), idle = staging->NewSink();
  StageGood(*one, 0, 2);
  StageGood(*other, 2, 2);
  StageGood(*one, 4, 2);
  const Intent intent = Seal({one.get(), other.get(), idle.get()}, 6);
  MustCommit(*staging->NewCommitter(), intent);
  ExpectVisible(0, 6, 1);
}

TEST_P(StagingContract, TheSameCommitTwiceShowsRowsOnce) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 3);
  const Intent intent = SealOne(*sink, 3);
  const auto committer = staging->NewCommitter();
  for (int times = 0; times < 3; ++times) MustCommit(*committer, intent);
  MustCommit(*fixture().NewStaging()->NewCommitter(), intent);
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, AnotherProcessCommitsWhatADeadOneSealed) {
  Intent intent;
  {
    const auto dead = fixture().NewStaging();
    const auto sink = dead->NewSink();
    StageGood(*sink, 0, 3);
    intent = SealOne(*sink, 3);
  }
  const auto staging = fixture().NewStaging();
  ASSERT_TRUE(staging->RemoveOrphans({&intent, 1}, {}).ok());
  MustCommit(*staging->NewCommitter(), intent);
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, AnUnknownOutcomeIsSettledByCommittingAgain) {
  using Failure = StagingFixture::Failure;
  int first = 0;
  for (const Failure how : {Failure::kNothingDone, Failure::kAllDone, Failure::kHalfDone}) {
    const auto staging = fixture().NewStaging();
    const auto one = staging->NewSink(), other = staging->NewSink();
    StageGood(*one, first, 2);
    StageGood(*other, first + 2, 2);
    const Intent intent = Seal({one.get(), other.get()}, 4);
    if (fixture().FailNextCommit(how)) {
      EXPECT_EQ(staging->NewCommitter()->Commit(intent, {}).kind, CommitResult::Kind::kRetry);
    }
    MustCommit(*fixture().NewStaging()->NewCommitter(), intent);
    ExpectVisible(first, 4, 1);
    first += 4;
  }
}

TEST_P(StagingContract, WhatIsAbandonedIsNeverVisible) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 3);
  const Intent intent = SealOne(*sink, 3);
  const auto committer = staging->NewCommitter();
  for (int times = 0; times < 2; ++times) {
    const absl::Status abandoned = committer->Abandon(intent, {});
    EXPECT_TRUE(abandoned.ok()) << abandoned;
  }
  EXPECT_NE(Commit(*committer, intent).kind, CommitResult::Kind::kCommitted);
  ExpectVisible(0, 3, 0);
  // The same rows can be staged again.
  StageGood(*sink, 0, 3);
  MustCommit(*committer, SealOne(*sink, 3));
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, ALateRequestAfterTheFenceHasNoEffect) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 3);
  const Intent intent = SealOne(*sink, 3);
  const auto committer = staging->NewCommitter();
  if (!fixture().FailNextCommit(StagingFixture::Failure::kArrivesLate)) {
    GTEST_SKIP() << "no request can be late";
  }
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kRetry);
  ASSERT_TRUE(committer->Abandon(intent, {}).ok());
  StageGood(*sink, 0, 3);
  MustCommit(*committer, SealOne(*sink, 3));
  fixture().DeliverLate();
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, ALateRequestBeforeTheNextOneShowsRowsOnce) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 3);
  const Intent intent = SealOne(*sink, 3);
  if (!fixture().FailNextCommit(StagingFixture::Failure::kArrivesLate)) {
    GTEST_SKIP() << "no request can be late";
  }
  EXPECT_EQ(staging->NewCommitter()->Commit(intent, {}).kind, CommitResult::Kind::kRetry);
  fixture().DeliverLate();
  MustCommit(*staging->NewCommitter(), intent);
  fixture().DeliverLate();
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, WhatIsVisibleCannotBeAbandoned) {
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 3);
  const Intent intent = SealOne(*sink, 3);
  const auto committer = staging->NewCommitter();
  MustCommit(*committer, intent);
  EXPECT_TRUE(absl::IsFailedPrecondition(committer->Abandon(intent, {})));
  ExpectVisible(0, 3, 1);
}

TEST_P(StagingContract, PartsThatVanishedAreGone) {
  const auto staging = fixture().NewStaging();
  const auto one = staging->NewSink(), other = staging->NewSink();
  StageGood(*one, 0, 2);
  StageGood(*other, 2, 2);
  const Intent intent = Seal({one.get(), other.get()}, 4);
  if (!fixture().LosePart(intent.parts.back())) GTEST_SKIP() << "no part can vanish";
  const auto committer = staging->NewCommitter();
  EXPECT_EQ(Commit(*committer, intent).kind, CommitResult::Kind::kGone);
  ASSERT_TRUE(committer->Abandon(intent, {}).ok());
  ExpectVisible(0, 4, 0);
}

TEST_P(StagingContract, RefusedRowsAreListedAndTheOthersAreVisible) {
  if (fixture().BadRow(1).empty()) GTEST_SKIP() << "no row is refused when it is staged";
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, {fixture().BadRow(1), fixture().GoodRow(0), fixture().BadRow(2)});
  ASSERT_EQ(staged_.refused().size(), 2u);
  EXPECT_EQ(staged_.refused()[0].row, 0u);
  EXPECT_EQ(staged_.refused()[1].row, 2u);
  MustCommit(*staging->NewCommitter(), SealOne(*sink, 3));
  ExpectVisible(0, 1, 1);
}

TEST_P(StagingContract, RowsRefusedByACommitAreTheSameEachTime) {
  if (fixture().RowRefusedByCommit(1).empty()) GTEST_SKIP() << "no row is refused by a commit";
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, {fixture().GoodRow(0), fixture().RowRefusedByCommit(1), fixture().GoodRow(1)}, 7);
  const Intent intent = SealOne(*sink, 10);
  for (int times = 0; times < 2; ++times) {
    const CommitResult result = Commit(*fixture().NewStaging()->NewCommitter(), intent);
    ASSERT_EQ(result.kind, CommitResult::Kind::kCommitted) << result.status;
    ASSERT_EQ(result.refused.size(), 1u);
    EXPECT_EQ(result.refused[0].span, 0u);
    EXPECT_EQ(result.refused[0].rejection.source_row, 8u);
    EXPECT_NE(result.refused[0].rejection.code, "");
    EXPECT_NE(result.refused[0].rejection.message, "");
    EXPECT_EQ(result.refused[0].rejection.payload_after, fixture().RowRefusedByCommit(1));
  }
  ExpectVisible(0, 2, 1);
}

TEST_P(StagingContract, OrphansGoAndTheRestStays) {
  Intent announced;
  {
    const auto dead = fixture().NewStaging(), killed = fixture().NewStaging();
    const auto orphan = dead->NewSink(), sink = dead->NewSink(), unsealed = killed->NewSink();
    StageGood(*orphan, 0, 2);
    (void)SealOne(*orphan, 2);
    StageGood(*unsealed, 2, 2);
    StageGood(*sink, 4, 2);
    announced = SealOne(*sink, 2);
  }
  const auto living = fixture().NewStaging();
  const auto busy = living->NewSink();
  StageGood(*busy, 6, 2);
  const auto staging = fixture().NewStaging();
  for (int times = 0; times < 2; ++times) {
    const absl::Status removed = staging->RemoveOrphans({&announced, 1}, {});
    ASSERT_TRUE(removed.ok()) << removed;
  }
  MustCommit(*staging->NewCommitter(), announced);
  MustCommit(*living->NewCommitter(), SealOne(*busy, 2));
  ExpectVisible(0, 4, 0);
  ExpectVisible(4, 4, 1);
}

TEST_P(StagingContract, TwoProcessesDoNotDisturbEachOther) {
  const auto one = fixture().NewStaging(), other = fixture().NewStaging();
  const auto sink_of_one = one->NewSink(), sink_of_other = other->NewSink();
  StageGood(*sink_of_one, 0, 2);
  StageGood(*sink_of_other, 2, 2);
  const Intent of_one = SealOne(*sink_of_one, 2), of_other = SealOne(*sink_of_other, 2);
  MustCommit(*other->NewCommitter(), of_other);
  ExpectVisible(0, 2, 0);
  ASSERT_TRUE(one->NewCommitter()->Abandon(of_one, {}).ok());
  ExpectVisible(2, 2, 1);
}

TEST_P(StagingContract, AStopLeavesTheTruth) {
  std::stop_source stopped;
  stopped.request_stop();
  const auto staging = fixture().NewStaging();
  const auto sink = staging->NewSink();
  StageGood(*sink, 0, 2);
  const Intent intent = SealOne(*sink, 2);
  const auto committer = staging->NewCommitter();
  const CommitResult result = committer->Commit(intent, stopped.get_token());
  if (result.kind != CommitResult::Kind::kCommitted) {
    EXPECT_EQ(result.kind, CommitResult::Kind::kRetry) << result.status;
  }
  MustCommit(*committer, intent);
  ExpectVisible(0, 2, 1);
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_STAGING_CONTRACT_H_

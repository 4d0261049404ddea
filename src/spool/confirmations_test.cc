#include "spool/confirmations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "spool/log_source.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kSpool[] = "0123456789abcdef0123456789abcdef";

class ConfirmationsTest : public testing::Test {
 protected:
  void SetUp() override {
    confirmations_->SetFollowers({{RecordType::kEvent, {"a", "b"}}, {RecordType::kUser, {"a"}}});
  }
  void Await(std::string name, RecordType type, FramePlace place) {
    confirmations_->Await(type, place, [this, name](const absl::Status& status) {
      (status.ok() ? confirmed_ : failed_).push_back(name);
    });
  }
  void Store(const std::string& follower, RecordType type, uint64_t sequence, uint64_t row,
             LedgerState state = LedgerState::kOpen) {
    LedgerEntry entry;
    entry.key.object = SegmentObject(kSpool, sequence, type);
    entry.key.destination = follower;
    entry.position.row = row;
    entry.state = state;
    confirmations_->OnStored(entry);
  }

  std::unique_ptr<Confirmations> confirmations_ = std::make_unique<Confirmations>(kSpool);
  std::vector<std::string> confirmed_, failed_;
};

TEST_F(ConfirmationsTest, EveryDestinationMustHaveTheRecords) {
  Await("1", RecordType::kEvent, {1, 10});
  Await("2", RecordType::kEvent, {1, 20});
  Store("a", RecordType::kEvent, 1, 20);
  EXPECT_THAT(confirmed_, IsEmpty());
  Store("b", RecordType::kEvent, 1, 9);
  EXPECT_THAT(confirmed_, IsEmpty());
  Store("b", RecordType::kEvent, 1, 10);
  EXPECT_THAT(confirmed_, ElementsAre("1"));
  Store("b", RecordType::kEvent, 1, 25);
  EXPECT_THAT(confirmed_, ElementsAre("1", "2"));
}

TEST_F(ConfirmationsTest, RecordsMayBeDeliveredBeforeSomebodyAsks) {
  Store("a", RecordType::kEvent, 1, 10);
  Store("b", RecordType::kEvent, 1, 10);
  Await("1", RecordType::kEvent, {1, 10});
  EXPECT_THAT(confirmed_, ElementsAre("1"));
}

TEST_F(ConfirmationsTest, TypesAndSegmentsAreApart) {
  Await("user", RecordType::kUser, {1, 1});
  Await("event", RecordType::kEvent, {2, 1});
  Store("a", RecordType::kEvent, 1, 5);
  Store("b", RecordType::kEvent, 1, 5);
  EXPECT_THAT(confirmed_, IsEmpty());
  Store("a", RecordType::kUser, 1, 1);
  EXPECT_THAT(confirmed_, ElementsAre("user"));
  Await("group, which nobody takes", RecordType::kGroup, {1, 1});
  EXPECT_THAT(confirmed_, ElementsAre("user", "group, which nobody takes"));
}

TEST_F(ConfirmationsTest, ASegmentThatIsDoneHasAllOfItsRecords) {
  Await("1", RecordType::kEvent, {1, 10});
  Store("a", RecordType::kEvent, 1, 0, LedgerState::kDone);
  Store("b", RecordType::kEvent, 1, 0, LedgerState::kDone);
  EXPECT_THAT(confirmed_, ElementsAre("1"));
}

TEST_F(ConfirmationsTest, WhoStillWaitsAtTheEndIsToldSo) {
  Await("1", RecordType::kEvent, {1, 10});
  Store("a", RecordType::kEvent, 1, 9);
  Store("b", RecordType::kEvent, 1, 9);
  confirmations_->Close();
  EXPECT_THAT(failed_, ElementsAre("1"));
  Await("2", RecordType::kEvent, {1, 11});
  EXPECT_THAT(failed_, ElementsAre("1", "2"));
  Await("3", RecordType::kEvent, {1, 9});
  EXPECT_THAT(confirmed_, ElementsAre("3"));
  Await("4", RecordType::kEvent, {2, 1});
  confirmations_ = nullptr;
  EXPECT_THAT(failed_, ElementsAre("1", "2", "4"));
}

}  // namespace
}  // namespace millrace

#include "objects/imported_files.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/status.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {
namespace {

using State = ImportedFiles::State;

TEST(ImportedFiles, AreThoseOfOneTableAndDestinationByConfig) {
  FakeClock clock;
  MemoryLedger ledger(clock);
  const auto store = [&](const LedgerKey& key, LedgerState state, uint64_t row) {
    auto claim = ledger.ClaimObject({key, "me", 100, absl::Minutes(5)}, {});
    ASSERT_TRUE(claim.ok());
    claim->entry.state = state;
    claim->entry.position = {row, 0};
    ASSERT_TRUE(ledger.Store(claim->entry, absl::Minutes(5), {}).ok());
    if (state == LedgerState::kOpen) {
      ASSERT_TRUE(ledger.Release(claim->entry, {}).ok());
    }
  };
  store({"iceberg:/t/#done", "1", "c:1", "mixpanel:x"}, LedgerState::kDone, 7);
  store({"iceberg:/t/#begun", "1", "c:1", "mixpanel:x"}, LedgerState::kOpen, 7);
  store({"iceberg:/t/#claimed", "1", "c:1", "mixpanel:x"}, LedgerState::kOpen, 0);
  store({"iceberg:/t/#other", "1", "c:1", "mixpanel:y"}, LedgerState::kDone, 7);
  store({"iceberg:/tt/#done", "1", "c:1", "mixpanel:x"}, LedgerState::kDone, 7);
  store({"iceberg:/t/#before", "1", "c:0", "mixpanel:x"}, LedgerState::kDone, 7);
  store({"iceberg:/t/#unmatched", "1", "c:0", "mixpanel:x"}, LedgerState::kDone, 7);
  const auto key_in = [](std::string destination) {
    return [=](std::string_view object) -> std::optional<LedgerKey> {
      if (object.ends_with("unmatched")) return std::nullopt;
      return LedgerKey{std::string(object), "", "c:1", destination};
    };
  };
  const auto files = ImportedFiles::Load(ledger, key_in("mixpanel:x"), "iceberg:/t/", {});
  ASSERT_TRUE(files.ok());
  EXPECT_FALSE(files->empty());
  EXPECT_EQ(files->Find("iceberg:/t/#done"), State::kDone);
  EXPECT_EQ(files->Find("iceberg:/t/#begun"), State::kBegun);
  // Nothing of it was sent.
  EXPECT_EQ(files->Find("iceberg:/t/#claimed"), State::kUnknown);
  EXPECT_EQ(files->Find("iceberg:/t/#other"), State::kUnknown);
  EXPECT_EQ(files->Find("iceberg:/tt/#done"), State::kUnknown);
  EXPECT_EQ(files->Find("iceberg:/t/#unmatched"), State::kUnknown);
  EXPECT_EQ(files->Find("iceberg:/t/#before"), State::kOtherConfig);
  ASSERT_NE(files->FindOther("iceberg:/t/#before"), nullptr);
  EXPECT_EQ(files->FindOther("iceberg:/t/#before")->version, "1");
  EXPECT_EQ(files->FindOther("iceberg:/t/#done"), nullptr);
  EXPECT_TRUE(ImportedFiles::Load(ledger, key_in("mixpanel:z"), "iceberg:/t/", {})->empty());
}

}  // namespace
}  // namespace millrace

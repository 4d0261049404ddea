#include "script/script_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

// Each copy numbers what it is given, beginning with 1.
constexpr std::string_view kCounting =
    "let calls = 0; export default (event) => ({ n: event.n, call: ++calls });";

constexpr size_t kAll = std::numeric_limits<size_t>::max();

Batch Records(int begin, int count) {
  Batch batch;
  for (int n = begin; n < begin + count; ++n) {
    batch.bytes.Append(StrCat("{\"n\":", n, "}"));
    batch.EndRow(static_cast<uint64_t>(n - begin));
  }
  return batch;
}

TEST(ScriptPool, RunsTheScript) {
  ScriptPool pool(2);
  const auto script = pool.Get("/t.js", kCounting);
  ASSERT_TRUE(script.ok()) << script.status();
  Batch results;
  std::vector<ScriptFailure> failures;
  (*script)->Run(Records(7, 2), 0, kAll, results, failures);
  EXPECT_EQ(results.bytes.view(), "{\"n\":7,\"call\":1}\n{\"n\":8,\"call\":2}\n");
  EXPECT_TRUE(failures.empty());
}

TEST(ScriptPool, ReportsWhyAScriptDoesNotLoad) {
  ScriptPool pool(2);
  const auto script = pool.Get("/t.js", "export default (event) => {");
  EXPECT_EQ(script.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ToStd(script.status().message())), HasSubstr("/t.js"));
}

TEST(ScriptPool, SharesOneCopyAmongWorkersThatTakeTurns) {
  ScriptPool pool(4);
  const auto first = pool.Get("/t.js", kCounting);
  const auto second = pool.Get("/t.js", kCounting);
  Batch results;
  std::vector<ScriptFailure> failures;
  (*first)->Run(Records(1, 1), 0, kAll, results, failures);
  (*second)->Run(Records(2, 1), 0, kAll, results, failures);
  EXPECT_EQ(results.bytes.view(), "{\"n\":1,\"call\":1}\n{\"n\":2,\"call\":2}\n");
}

TEST(ScriptPool, KeepsScriptsApart) {
  ScriptPool pool(1);
  const auto first = pool.Get("/a.js", kCounting);
  const auto second = pool.Get("/b.js", "export default () => ({ b: true });");
  Batch results;
  std::vector<ScriptFailure> failures;
  (*first)->Run(Records(1, 1), 0, kAll, results, failures);
  (*second)->Run(Records(2, 1), 0, kAll, results, failures);
  EXPECT_EQ(results.bytes.view(), "{\"n\":1,\"call\":1}\n{\"b\":true}\n");
}

TEST(ScriptPool, AChangedFileIsAnotherScript) {
  ScriptPool pool(1);
  const auto before = pool.Get("/t.js", kCounting);
  EXPECT_FALSE(pool.Get("/t.js", "export default (event) => {").ok());
  const auto after = pool.Get("/t.js", "export default () => ({ b: true });");
  Batch results;
  std::vector<ScriptFailure> failures;
  (*after)->Run(Records(2, 1), 0, kAll, results, failures);
  (*before)->Run(Records(1, 1), 0, kAll, results, failures);
  EXPECT_EQ(results.bytes.view(), "{\"b\":true}\n{\"n\":1,\"call\":1}\n");
}

TEST(ScriptPool, ServesMoreWorkersThanItHasCopies) {
  constexpr int kWorkers = 6;
  constexpr int kRuns = 20;
  constexpr int kRecords = 50;
  ScriptPool pool(2);
  std::vector<Batch> results(kWorkers);
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < kWorkers; ++i) {
      workers.emplace_back([&pool, &out = results[static_cast<size_t>(i)], i] {
        const auto script = pool.Get("/t.js", kCounting);
        std::vector<ScriptFailure> failures;
        for (int run = 0; run < kRuns; ++run) {
          (*script)->Run(Records((i * kRuns + run) * kRecords, kRecords), 0, kAll, out, failures);
        }
        EXPECT_TRUE(failures.empty());
      });
    }
  }
  // A third copy would number its first record with 1 again.
  size_t firsts = 0;
  for (int i = 0; i < kWorkers; ++i) {
    const Batch& batch = results[static_cast<size_t>(i)];
    ASSERT_EQ(batch.rows(), size_t{kRuns * kRecords});
    for (size_t row = 0; row < batch.rows(); ++row) {
      const std::string n = StrCat("{\"n\":", static_cast<size_t>(i) * kRuns * kRecords + row, ",");
      EXPECT_TRUE(batch.row(row).starts_with(n)) << batch.row(row);
      if (batch.row(row).ends_with("\"call\":1}")) ++firsts;
    }
  }
  EXPECT_LE(firsts, 2u);
  EXPECT_GE(firsts, 1u);
}

}  // namespace
}  // namespace millrace

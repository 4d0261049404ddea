// Files in a folder that load jobs of FakeJobs load into a table in memory. Has the tests of
// staging_contract.h, so only one file of a test program includes it.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TESTING_LOAD_FIXTURE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TESTING_LOAD_FIXTURE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "connectors/bigquery/testing/load_process.h"
#include "formats/row_reader.h"
#include "io/object_store.h"
#include "loads/load_bucket.h"
#include "loads/load_staging.h"
#include "loads/testing/loaded_rows.h"
#include "pipeline/testing/staging_contract.h"
#include "records/dialect.h"

namespace millrace::bigquery {

class LoadFixture : public StagingFixture {
 public:
  LoadFixture() {
    std::string folder = testing::TempDir() + "mrbqload_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    root_ = std::filesystem::canonical(folder).string() + "/";
    store_ = *loads::OpenLoadStore({.root = root_, .file_bytes = size_t{1} << 20},
                                   "bigquery://p/d/events",
                                   [](std::string_view) { return std::nullopt; });
    jobs_.polls_until_done = 2;
    jobs_.can_read = [](const std::string& uri) { return std::filesystem::exists(uri); };
    jobs_.load = [this](const std::string& uri) { return Read(uri); };
  }
  ~LoadFixture() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<Staging> NewStaging() override {
    processes_.push_back(std::make_unique<LoadProcess>(jobs_));
    return loads::NewLoadStaging({.layout = layout_,
                                  .form = form_,
                                  .store = *store_,
                                  .loader = processes_.back()->loader,
                                  .traffic = traffic_,
                                  .clock = Clock::Real()},
                                 testing::TempDir());
  }
  std::string GoodRow(int n) override {
    return StrCat(R"({"event":"e","properties":{"time":1796008365,"distinct_id":"u)", n, "\"}}");
  }
  std::string BadRow(int n) override {
    return StrCat(R"({"event":"e","properties":{"time":1796008365,"n":1)", std::string(40, '7'), n,
                  "}}");
  }
  std::string RowRefusedByCommit(int) override { return ""; }
  int Visible(int n) override { return table_.ids[StrCat("u", n)]; }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        jobs_.failures = {"backendError"};
        return true;
      case Failure::kAllDone:
        jobs_.FailNextInsert({.status = 0, .reason = {}}, /*with_effect=*/true);
        return true;
      case Failure::kArrivesLate:
        jobs_.DelayNextInsert();
        return true;
      case Failure::kHalfDone:
        jobs_.FailNextInsert({.status = 503, .reason = "backendError"}, /*with_effect=*/false);
        return true;
    }
    return false;
  }
  void DeliverLate() override { jobs_.DeliverLate(); }
  bool LosePart(const std::string& part) override {
    return store_->objects().Remove(store_->Uri(part)).ok();
  }

 private:
  uint64_t Read(const std::string& uri) {
    const auto store = NewLocalObjectStore();
    const uint64_t before = table_.rows;
    DecodeScratch scratch;
    auto reader = store->Open(*store->Find(uri));
    EXPECT_TRUE(reader.ok()) << reader.status();
    const auto rows = OpenRows(*std::move(reader), {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    for (;;) {
      const auto chunk = (*rows)->Read({});
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || *chunk == nullptr) return table_.rows - before;
      (*chunk)->ForEachRow(scratch, table_);
    }
  }

  std::string root_;
  const data_files::FileLayout layout_ =
      loads::LoadLayout({.root = "", .file_bytes = size_t{1} << 20}, kBigqueryDialect);
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  std::unique_ptr<data_files::FileStore> store_;
  FakeJobs jobs_;
  loads::LoadedRows table_;
  Traffic traffic_;
  std::vector<std::unique_ptr<LoadProcess>> processes_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TESTING_LOAD_FIXTURE_H_

// The contract of staged destinations, kept by files that a warehouse in memory copies.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "connectors/redshift/copy_loader.h"
#include "formats/row_reader.h"
#include "io/object_store.h"
#include "loads/load_bucket.h"
#include "loads/load_staging.h"
#include "loads/testing/loaded_rows.h"
#include "pipeline/testing/staging_contract.h"
#include "records/dialect.h"

namespace millrace::redshift {
namespace {

using Kind = ServerError::Kind;

// What is between the first `before` and the next `after` in `text`.
std::string Between(const std::string& text, const std::string& before, const std::string& after) {
  const size_t begin = text.find(before);
  EXPECT_NE(begin, std::string::npos) << before << " in " << text;
  const std::string rest = text.substr(begin + before.size());
  return rest.substr(0, rest.find(after));
}

// Executes the statements of CopyLoader and TargetTable. One thread at a time.
class Warehouse {
 public:
  // The rows of statement `result`, or the error.
  absl::StatusOr<TextRows> Execute(const TargetTable& table,
                                   const std::vector<std::string>& statements, ServerError& error) {
    if (statements.size() > 1 && statements[1].find("COUNT(*) = 0") != std::string::npos) {
      if (std::exchange(refuses_, false)) return Fail({.message = "busy"}, error);
      if (std::exchange(is_late_, false)) {
        late_ = [this, statements] { (void)Copy(statements); };
        return Fail({.message = "no answer"}, error);
      }
      const ServerError failure = Copy(statements);
      if (failure.statement >= 0) return Fail(failure, error);
      if (std::exchange(loses_answer_, false)) return Fail({.message = "no answer"}, error);
      return TextRows();
    }
    const std::string& sql = statements.back();
    if (sql.find("CHAR_LENGTH") != std::string::npos) return TextRows{{"1"}};
    if (sql.find("DISTINCT table_name") != std::string::npos) {
      return TextRows{{"events"}, {"millrace_events_commits"}};
    }
    if (sql.find("SELECT column_name") != std::string::npos) {
      TextRows columns;
      for (const TableColumn& column : table.columns()) {
        columns.push_back({column.name, std::string(SqlType(column.type)), "YES", std::nullopt});
      }
      return columns;
    }
    const std::string commit = Between(sql, "commit_id = '", "'");
    if (statements.size() == 3) outcomes_.emplace(commit, "abandoned");
    const auto found = outcomes_.find(commit);
    if (found == outcomes_.end()) return TextRows();
    return TextRows{{found->second}};
  }

  void RefuseNext() { refuses_ = true; }
  void LoseNextAnswer() { loses_answer_ = true; }
  void DelayNext() { is_late_ = true; }
  void DeliverLate() {
    if (late_) std::exchange(late_, nullptr)();
  }

  loads::LoadedRows rows;

 private:
  static absl::Status Fail(ServerError failure, ServerError& error) {
    error = std::move(failure);
    return StatusOf(error);
  }

  // The statement that failed; -1: none.
  ServerError Copy(const std::vector<std::string>& statements) {
    const std::string commit = Between(statements[1], "commit_id = '", "'");
    if (outcomes_.contains(commit)) {
      return {.kind = Kind::kRefusesRow, .message = "Divide by zero", .statement = 1};
    }
    std::ifstream file(Between(statements[2], " FROM '", "'"));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto manifest = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (manifest.is_discarded()) {
      return {.kind = Kind::kRefusesRow, .message = "no manifest", .statement = 2};
    }
    loads::LoadedRows copied = rows;
    for (const auto& entry : manifest["entries"]) {
      if (!Read(entry["url"].get<std::string>(), copied)) {
        return {.kind = Kind::kRefusesRow, .message = "no such file", .statement = 2};
      }
    }
    if (StrCat(copied.rows - rows.rows) != Between(statements[3], "COUNT() = ", " THEN")) {
      return {.kind = Kind::kRefusesRow, .message = "Divide by zero", .statement = 3};
    }
    rows = std::move(copied);
    outcomes_[commit] = "committed";
    return {};
  }

  static bool Read(const std::string& uri, loads::LoadedRows& into) {
    const auto store = NewLocalObjectStore();
    const auto found = store->Find(uri);
    if (!found.ok()) return false;
    auto reader = store->Open(*found);
    EXPECT_TRUE(reader.ok()) << reader.status();
    const auto opened = OpenRows(*std::move(reader), {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    DecodeScratch scratch;
    for (;;) {
      const auto chunk = (*opened)->Read({});
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || *chunk == nullptr) return true;
      (*chunk)->ForEachRow(scratch, into);
    }
  }

  std::map<std::string, std::string> outcomes_;
  bool refuses_ = false;
  bool loses_answer_ = false;
  bool is_late_ = false;
  std::function<void()> late_;
};

class WarehouseSession final : public SqlSession {
 public:
  WarehouseSession(Warehouse& warehouse, const TargetTable& table)
      : warehouse_(warehouse), table_(table) {}
  absl::StatusOr<TextRows> Execute(const std::vector<std::string>& statements,
                                   std::optional<size_t>, std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return warehouse_.Execute(table_, statements, error_);
  }
  absl::Status ExecuteAlone(const std::string&, const std::string&, std::stop_token) override {
    return absl::UnimplementedError("not needed");
  }
  const ServerError& error() const override { return error_; }

 private:
  Warehouse& warehouse_;
  const TargetTable& table_;
  ServerError error_;
};

class CopyFixture : public StagingFixture {
 public:
  CopyFixture() {
    std::string folder = testing::TempDir() + "mrrscopy_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    root_ = std::filesystem::canonical(folder).string() + "/";
    store_ =
        *loads::OpenLoadStore({.root = root_, .file_bytes = size_t{1} << 20}, table_.destination(),
                              [](std::string_view) { return std::nullopt; });
  }
  ~CopyFixture() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<Staging> NewStaging() override {
    loaders_.push_back(std::make_unique<CopyLoader>(
        spec_, table_, [this] { return std::make_unique<WarehouseSession>(warehouse_, table_); }));
    return loads::NewLoadStaging({.layout = layout_,
                                  .form = table_.form(),
                                  .store = *store_,
                                  .loader = *loaders_.back(),
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
  int Visible(int n) override { return warehouse_.rows.ids[StrCat("u", n)]; }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        warehouse_.RefuseNext();
        return true;
      case Failure::kAllDone:
        warehouse_.LoseNextAnswer();
        return true;
      case Failure::kArrivesLate:
        warehouse_.DelayNext();
        return true;
      case Failure::kHalfDone:
        return false;  // a COPY is whole or not there
    }
    return false;
  }
  void DeliverLate() override { warehouse_.DeliverLate(); }
  bool LosePart(const std::string& part) override {
    return store_->objects().Remove(store_->Uri(part)).ok();
  }

 private:
  std::string root_;
  const RedshiftSpec spec_ =
      *RedshiftSpec::Parse(*UriQuery::Parse("redshift://work/dev/s?table=events"), true);
  TargetTable table_{spec_, RecordType::kEvent, *TableForm::Make(RecordType::kEvent, {})};
  const data_files::FileLayout layout_ =
      loads::LoadLayout({.root = "", .file_bytes = size_t{1} << 20}, kRedshiftDialect);
  std::unique_ptr<data_files::FileStore> store_;
  Warehouse warehouse_;
  Traffic traffic_;
  std::vector<std::unique_ptr<CopyLoader>> loaders_;
};

std::unique_ptr<StagingFixture> Make() { return std::make_unique<CopyFixture>(); }

INSTANTIATE_TEST_SUITE_P(RedshiftCopy, StagingContract, testing::Values(Make));

}  // namespace
}  // namespace millrace::redshift

// The contract of staged destinations, kept by COPY INTO of files in a folder, against a service in
// memory that executes the scripts of commits.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/strings.h"
#include "connectors/snowflake/copy_loader.h"
#include "formats/row_reader.h"
#include "io/object_store.h"
#include "loads/load_bucket.h"
#include "loads/load_staging.h"
#include "loads/testing/loaded_rows.h"
#include "net/testing/fake_http_client.h"
#include "pipeline/testing/staging_contract.h"
#include "records/dialect.h"

namespace millrace::snowflake {
namespace {

using Json = nlohmann::json;

// The account. Thread-safe.
class FakeAccount {
 public:
  explicit FakeAccount(std::string root) : root_(std::move(root)) {}

  std::unique_ptr<HttpClient> NewClient() {
    return std::make_unique<FakeHttpClient>(
        [this](const HttpRequest& request) { return Respond(request); });
  }

  // What becomes of the next commit: all tries of its request meet it.
  enum class Fate { kNone, kRefused, kLostBefore, kLostAfter, kLate };
  void SetFate(Fate fate) {
    absl::MutexLock lock(&mutex_);
    fate_ = fate;
  }
  void DeliverLate() {
    absl::MutexLock lock(&mutex_);
    for (const std::string& script : std::exchange(late_, {})) (void)Execute(script);
  }
  int Visible(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    return table_.ids[id];
  }

 private:
  static HttpResponse Answer(int status, const Json& body) {
    return {.status = status, .body = body.dump()};
  }
  static HttpResponse Rows(const Json& rows) {
    return Answer(200, {{"statementHandle", "h"}, {"data", rows}});
  }

  absl::StatusOr<HttpResponse> Respond(const HttpRequest& request) {
    absl::MutexLock lock(&mutex_);
    const std::string id = request.url.substr(request.url.find("requestId="));
    if (doomed_.contains(id)) return absl::UnavailableError("the connection was reset");
    const std::string sql = Json::parse(request.body)["statement"];
    if (sql.find("COPY INTO") == std::string::npos) return Execute(sql);
    switch (std::exchange(fate_, Fate::kNone)) {
      case Fate::kNone:
        return Execute(sql);
      case Fate::kRefused:
        return Answer(422, {{"code", "000625"}, {"sqlState", "57014"}, {"message", "locked"}});
      case Fate::kLostBefore:
        break;
      case Fate::kLostAfter:
        (void)Execute(sql);
        break;
      case Fate::kLate:
        late_.push_back(sql);
        break;
    }
    doomed_.insert(id);
    return absl::UnavailableError("the connection was reset");
  }

  HttpResponse Execute(const std::string& sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (sql.find("INFORMATION_SCHEMA.COLUMNS") != std::string::npos) return Rows(Columns());
    static const std::regex kCommit("commit_id = '([0-9a-f]{32})'");
    std::smatch found;
    if (!std::regex_search(sql, found, kCommit)) return Rows(Json::array());
    const std::string commit = found[1];
    const auto state = states_.find(commit);
    if (sql.starts_with("SELECT state")) {
      return Rows(state == states_.end() ? Json::array()
                                         : Json::array({Json::array({state->second})}));
    }
    const bool is_copy = sql.find("COPY INTO") != std::string::npos;
    if (is_copy && state != states_.end()) {
      return Answer(422, {{"code", "100038"},
                          {"sqlState", "22018"},
                          {"message", "Numeric value 'the commit is recorded' is not recognized"}});
    }
    if (is_copy && !Copy(sql)) {
      return Answer(422, {{"code", "091016"}, {"sqlState", "22000"}, {"message", "not found"}});
    }
    if (state == states_.end()) states_[commit] = is_copy ? "committed" : "abandoned";
    Json handles = Json::array();
    const int count = is_copy ? 7 : 4;
    for (int i = 0; i < count; ++i) handles.push_back("h");
    return Answer(200, {{"statementHandles", handles}, {"data", Json::array()}});
  }

  // All files or none.
  bool Copy(const std::string& sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t begin = sql.find("FILES = (");
    const std::string list = sql.substr(begin, sql.find(')', begin) - begin);
    static const std::regex kFile("'([^']*)'");
    std::vector<std::string> paths;
    for (std::sregex_iterator i(list.begin(), list.end(), kFile), end; i != end; ++i) {
      paths.push_back(root_ + (*i)[1].str());
      if (!std::filesystem::exists(paths.back())) return false;
    }
    const loads::LoadedRows before = table_;
    uint64_t rows = 0;
    for (const std::string& path : paths) rows += Read(path);
    if (rows == RowsWanted(sql)) return true;
    table_ = before;
    return false;
  }

  // The guard's, which follows COPY INTO.
  static uint64_t RowsWanted(const std::string& sql) {
    static const std::regex kRows(R"(RESULT_SCAN\(LAST_QUERY_ID\(\)\)\)\) <> ([0-9]+) THEN)");
    std::smatch found;
    EXPECT_TRUE(std::regex_search(sql, found, kRows)) << sql;
    return found.empty() ? 0 : std::stoull(found[1]);
  }

  uint64_t Read(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto store = NewLocalObjectStore();
    const uint64_t before = table_.rows;
    DecodeScratch scratch;
    auto reader = store->Open(*store->Find(path));
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

  // As INFORMATION_SCHEMA says of a table that Millrace made.
  static Json Columns() {
    Json rows = Json::array();
    for (const TableColumn& column : ColumnsOf(*TableForm::Make(RecordType::kEvent, {}))) {
      const char* type = column.type == ColumnType::kTime   ? "TIMESTAMP_NTZ"
                         : column.type == ColumnType::kJson ? "VARIANT"
                                                            : "TEXT";
      rows.push_back(Json::array({column.name, type, "YES", nullptr, nullptr, "9"}));
    }
    return rows;
  }

  const std::string root_;
  absl::Mutex mutex_;
  Fate fate_ ABSL_GUARDED_BY(mutex_) = Fate::kNone;
  std::set<std::string> doomed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> late_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> states_ ABSL_GUARDED_BY(mutex_);  // by commit
  loads::LoadedRows table_ ABSL_GUARDED_BY(mutex_);
};

class CopyFixture : public StagingFixture {
 public:
  CopyFixture() {
    std::string folder = testing::TempDir() + "mrsfcopy_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    root_ = std::filesystem::canonical(folder).string() + "/";
    const auto none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
    spec_ = *SnowflakeSpec::Parse("snowflake://a/d/s?bucket=s3://b/&stage=files", none);
    spec_.bucket->root = root_;
    store_ = *loads::OpenLoadStore({.root = root_, .file_bytes = size_t{1} << 20},
                                   spec_.LedgerName(RecordType::kEvent), none);
    account_ = std::make_unique<FakeAccount>(root_);
  }
  ~CopyFixture() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<Staging> NewStaging() override {
    auto process = std::make_unique<Process>(*this);
    auto staging = loads::NewLoadStaging({.layout = layout_,
                                          .form = form_,
                                          .store = *store_,
                                          .loader = process->loader,
                                          .traffic = traffic_,
                                          .clock = Clock::Real()},
                                         testing::TempDir());
    processes_.push_back(std::move(process));
    return staging;
  }
  std::string GoodRow(int n) override {
    return StrCat(R"({"event":"e","properties":{"time":1796008365,"distinct_id":"u)", n, "\"}}");
  }
  std::string BadRow(int n) override {
    return StrCat(R"({"event":"e","properties":{"time":1796008365,"n":1)", std::string(40, '7'), n,
                  "}}");
  }
  std::string RowRefusedByCommit(int) override { return ""; }
  int Visible(int n) override { return account_->Visible(StrCat("u", n)); }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        account_->SetFate(FakeAccount::Fate::kRefused);
        return true;
      case Failure::kAllDone:
        account_->SetFate(FakeAccount::Fate::kLostAfter);
        return true;
      case Failure::kArrivesLate:
        account_->SetFate(FakeAccount::Fate::kLate);
        return true;
      case Failure::kHalfDone:  // a transaction has no half
        account_->SetFate(FakeAccount::Fate::kLostBefore);
        return true;
    }
    return false;
  }
  void DeliverLate() override { account_->DeliverLate(); }
  bool LosePart(const std::string& part) override {
    return store_->objects().Remove(store_->Uri(part)).ok();
  }

 private:
  // What a process has of its own.
  struct Process {
    explicit Process(CopyFixture& fixture)
        : table(fixture.spec_, fixture.form_), loader(fixture.spec_, table, [&fixture] {
            return std::make_unique<OwnClient>(fixture.spec_, fixture.sign_in_,
                                               fixture.account_->NewClient(), fixture.clock_);
          }) {}
    TargetTable table;
    CopyLoader loader;
  };

  std::string root_;
  SnowflakeSpec spec_;
  const data_files::FileLayout layout_ =
      loads::LoadLayout({.root = "", .file_bytes = size_t{1} << 20}, kSnowflakeDialect);
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  std::unique_ptr<data_files::FileStore> store_;
  std::unique_ptr<FakeAccount> account_;
  FakeClock clock_;  // waits take no time
  SignIn sign_in_{.tokens = NewFixedTokenSource("token"), .origin = "test"};
  Traffic traffic_;
  std::vector<std::unique_ptr<Process>> processes_;
};

std::unique_ptr<StagingFixture> NewFixture() { return std::make_unique<CopyFixture>(); }

}  // namespace
}  // namespace millrace::snowflake

namespace millrace {
namespace {

INSTANTIATE_TEST_SUITE_P(SnowflakeCopy, StagingContract, testing::Values(&snowflake::NewFixture));

}  // namespace
}  // namespace millrace

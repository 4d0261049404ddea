// The contract of staged destinations, kept by pending streams, over gRPC against a service within
// the test, and by load jobs.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "base/record_type.h"
#include "base/strings.h"
#include "connectors/bigquery/bigquery_staging.h"
#include "connectors/bigquery/testing/fake_storage.h"
#include "connectors/bigquery/testing/load_fixture.h"
#include "pipeline/testing/staging_contract.h"

namespace millrace::bigquery {
namespace {

constexpr char kTable[] = "projects/p/datasets/d/tables/events";

class Fixture final : public StagingFixture {
 public:
  Fixture() {
    storage_.AddTable(kTable);
    storage_.on_commit = [this](int) { return next_.exchange(FakeStorage::Fault::kNone); };
  }

  std::unique_ptr<Staging> NewStaging() override {
    return NewBigqueryStaging({.form = form_,
                               .connection = connection_,
                               .streams = streams_,
                               .traffic = traffic_,
                               .clock = Clock::Real(),
                               .prepare = [](std::stop_token) { return false; }});
  }
  std::string GoodRow(int n) override {
    return StrCat("{\"event\":\"e", n, "\",\"properties\":{\"time\":1796008365}}");
  }
  // A time that BigQuery does not have.
  std::string BadRow(int n) override {
    return StrCat("{\"event\":\"bad", n, "\",\"properties\":{\"time\":\"0000-01-01\"}}");
  }
  std::string RowRefusedByCommit(int) override { return ""; }
  int Visible(int n) override {
    const auto rows = storage_.rows(kTable);
    return static_cast<int>(std::count_if(rows.begin(), rows.end(), [n](const auto& row) {
      return row.at("event") == StrCat("e", n);
    }));
  }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        next_ = FakeStorage::Fault::kNotDone;
        return true;
      case Failure::kAllDone:
        next_ = FakeStorage::Fault::kReplyLost;
        return true;
      case Failure::kArrivesLate:
        next_ = FakeStorage::Fault::kLate;
        return true;
      case Failure::kHalfDone:  // a commit is atomic
        break;
    }
    return false;
  }
  void DeliverLate() override { storage_.DeliverLate(); }
  bool LosePart(const std::string& part) override {
    storage_.ForgetStream(streams_.NameOf(part.substr(part.find(':') + 1)));
    return true;
  }

 private:
  FakeStorage storage_;
  std::atomic<FakeStorage::Fault> next_ = FakeStorage::Fault::kNone;
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  Connection connection_{storage_.options()};
  Traffic traffic_;
  CallPace creations_{kStreamQuota, Clock::Real()};
  const WriteStreams streams_{connection_, traffic_, creations_, kTable};
};

std::unique_ptr<StagingFixture> NewFixture() { return std::make_unique<Fixture>(); }
std::unique_ptr<StagingFixture> NewLoadFixture() { return std::make_unique<LoadFixture>(); }

}  // namespace
}  // namespace millrace::bigquery

namespace millrace {
INSTANTIATE_TEST_SUITE_P(Bigquery, StagingContract,
                         testing::Values(&bigquery::NewFixture, &bigquery::NewLoadFixture));
}  // namespace millrace

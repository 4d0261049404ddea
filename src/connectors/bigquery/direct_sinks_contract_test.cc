// The contract of direct destinations, kept by insertAll and by the default stream against services
// within the test.
#include <atomic>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "base/strings.h"
#include "connectors/bigquery/default_stream_sink.h"
#include "connectors/bigquery/testing/fake_storage.h"
#include "connectors/bigquery/testing/insert_all_service.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace::bigquery {
namespace {

class InsertAllFixture final : public SinkFixture {
 public:
  std::unique_ptr<Sink> NewSink() override { return table_.NewSink(); }
  std::string GoodRow(int n) override { return InsertAllEvent(StrCat("u", n)); }
  // Every other one is refused before it is sent.
  std::string BadRow(int n) override {
    return n % 2 == 0 ? InsertAllEvent(StrCat("bad", n)) : StrCat(R"({"event":"e)", n, "\"");
  }
  int Arrived(int n) override {
    absl::MutexLock lock(&table_.service.mutex);
    return table_.service.ids[StrCat("u", n)];
  }
  bool FailNextWrite(bool with_effect) override {
    table_.service.answers = {InsertAllService::Error(503, "backendError", "busy")};
    table_.service.answers_have_effect = with_effect;
    return true;
  }
  void RefuseAll(const std::string& reason) override { table_.service.refusal = reason; }

 private:
  InsertAllTable table_;
};

class DefaultStreamFixture final : public SinkFixture {
 public:
  DefaultStreamFixture() {
    storage_.AddTable(kTable);
    storage_.on_append = [this](int) { return next_.exchange(FakeStorage::Fault::kNone); };
    storage_.refuse = [](const FakeStorage::Row& row) {
      return row.at("event").starts_with("bad") ? "that event is bad" : "";
    };
  }

  std::unique_ptr<Sink> NewSink() override {
    return NewDefaultStreamSink({.form = form_,
                                 .connection = connection_,
                                 .streams = streams_,
                                 .table = prepared_,
                                 .traffic = traffic_,
                                 .clock = Clock::Real()});
  }
  std::string GoodRow(int n) override { return Event(StrCat("e", n)); }
  // Every other one is refused before it is sent.
  std::string BadRow(int n) override {
    return n % 2 == 0 ? Event(StrCat("bad", n)) : StrCat(R"({"event":"e)", n, "\"");
  }
  int Arrived(int n) override {
    int arrived = 0;
    for (const auto& row : storage_.rows(kTable)) arrived += row.at("event") == StrCat("e", n);
    return std::min(arrived, 1);  // a row that is sent again is there twice, and counts once
  }
  bool FailNextWrite(bool with_effect) override {
    next_ = with_effect ? FakeStorage::Fault::kReplyLost : FakeStorage::Fault::kNotDone;
    return true;
  }
  void RefuseAll(const std::string& reason) override {
    storage_.refuse_all.reset();
    if (!reason.empty()) storage_.refuse_all.emplace(grpc::StatusCode::INVALID_ARGUMENT, reason);
  }

 private:
  static constexpr char kTable[] = "projects/p/datasets/d/tables/events";

  static std::string Event(const std::string& name) {
    return StrCat("{\"event\":\"", name, "\",\"properties\":{}}");
  }

  FakeStorage storage_;
  std::atomic<FakeStorage::Fault> next_ = FakeStorage::Fault::kNone;
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  Connection connection_{storage_.options()};
  Traffic traffic_;
  CallPace creations_{kStreamQuota, Clock::Real()};
  const WriteStreams streams_{connection_, traffic_, creations_, kTable};
  PreparedTable prepared_{[](std::stop_token) -> absl::StatusOr<bool> { return false; },
                          Clock::Real()};
};

template <typename Fixture>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<Fixture>();
}

}  // namespace
}  // namespace millrace::bigquery

namespace millrace {
INSTANTIATE_TEST_SUITE_P(Bigquery, SinkContract,
                         testing::Values(&bigquery::Make<bigquery::InsertAllFixture>,
                                         &bigquery::Make<bigquery::DefaultStreamFixture>));
}  // namespace millrace

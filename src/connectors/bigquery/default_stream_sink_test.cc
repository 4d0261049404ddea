#include "connectors/bigquery/default_stream_sink.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/strings.h"
#include "connectors/bigquery/testing/fake_storage.h"

namespace millrace::bigquery {
namespace {

namespace wire = google::cloud::bigquery::storage::v1;

constexpr char kTable[] = "projects/p/datasets/d/tables/events";

// A part of the batch is there, so the refusal of another part is not that of the batch.
TEST(DefaultStreamSinkTest, AWriteThatFailedIsResumedWhereItFailed) {
  FakeStorage storage;
  storage.AddTable(kTable);
  const TableForm form = *TableForm::Make(RecordType::kEvent, {});
  Connection connection(storage.options());
  Traffic traffic;
  CallPace creations(kStreamQuota, Clock::Real());
  const WriteStreams streams(connection, traffic, creations, kTable);
  PreparedTable prepared([](std::stop_token) -> absl::StatusOr<bool> { return false; },
                         Clock::Real());
  const std::unique_ptr<Sink> sink = NewDefaultStreamSink({.form = form,
                                                           .connection = connection,
                                                           .streams = streams,
                                                           .table = prepared,
                                                           .traffic = traffic,
                                                           .clock = Clock::Real(),
                                                           .max_request_bytes = 300});
  Batch batch;
  for (const char letter : {'a', 'b'}) {  // each fills a request
    batch.bytes.Append(StrCat(R"({"event":")", std::string(200, letter), R"(","properties":{}})"));
    batch.EndRow(batch.rows());
  }
  storage.on_append = [](int call) {
    return call == 2 ? FakeStorage::Fault::kNotDone : FakeStorage::Fault::kNone;
  };
  EXPECT_TRUE(sink->Write(batch, {}, {}).retryable());
  ASSERT_EQ(storage.rows(kTable).size(), 1u);

  storage.append_answer = [](int call) -> std::optional<wire::AppendRowsResponse> {
    if (call != 3) return std::nullopt;
    wire::AppendRowsResponse refusal;
    refusal.mutable_error()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    refusal.mutable_error()->set_message("as the test wants");
    return refusal;
  };
  const WriteResult stopped = sink->Write(batch, {}, {});
  EXPECT_FALSE(stopped.durable() || stopped.retryable() || stopped.refused_whole())
      << stopped.status();
}

}  // namespace
}  // namespace millrace::bigquery

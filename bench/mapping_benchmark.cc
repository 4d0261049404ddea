// The cost of mapping: rows of 14 columns, as the Parquet reader shows generated events, to events;
// and the same through a transform.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "generate/event_model.h"
#include "mapping/json_object.h"
#include "mapping/row_mapper.h"

namespace millrace {
namespace {

constexpr uint64_t kRows = 2000;  // as in a chunk
constexpr size_t kBatchBytes = 4 << 20;
constexpr int64_t kBeginMicros = 1'790'899'200'000'000;
constexpr int64_t kEndMicros = 1'793'491'200'000'000;

constexpr std::string_view kMappings = R"(
  "mixpanel_event_name_from_field": "event_name",
  "field_mappings": [
    { "source_field": "business_ts", "mixpanel_field": "time", "type": "unix_timestamp_auto" },
    { "source_field": "user_id", "mixpanel_field": "$user_id", "type": "string" },
    { "source_field": "device_id", "mixpanel_field": "$device_id", "type": "string" },
    { "source_field": "insert_id", "mixpanel_field": "$insert_id", "type": "string_or_uuid" },
    { "source_field": "*", "mixpanel_field": "*" }])";

Value Text(std::string_view text) { return Value::Text(Value::Kind::kText, text); }

class Rows {
 public:
  // `with_insert_id`: if false, that column is null, and the ids are hashes.
  explicit Rows(bool with_insert_id)
      : shape_(RowShape::Make({"event_name", "business_ts", "user_id", "device_id", "insert_id",
                               "session_id", "country", "city", "os", "app_version", "page_url",
                               "amount", "is_new", "comment"})),
        events_(kRows) {
    const EventModel model(1, kRows, kBeginMicros, kEndMicros);
    for (uint64_t i = 0; i < kRows; ++i) {
      GeneratedEvent& e = events_[i];
      model.Make(i, e);
      for (const Value& value :
           {Text(e.event_name), Value::Timestamp(e.business_ts, Value::Unit::kMicro, true),
            Text(e.user_id), Text(e.device_id), with_insert_id ? Text(e.insert_id) : Value::Null(),
            Value::Int(e.session_id), Text(e.country), Text(e.city), Text(e.os),
            Text(e.app_version), Text(e.page_url),
            e.amount ? Value::Double(*e.amount) : Value::Null(), Value::Bool(e.is_new),
            e.comment ? Text(*e.comment) : Value::Null()}) {
        values_.push_back(value);
      }
    }
  }

  Row operator[](uint64_t i) const {
    const size_t columns = shape_.names.size();
    return {i, &shape_, absl::MakeSpan(values_).subspan(i * columns, columns)};
  }

 private:
  const RowShape shape_;
  std::vector<GeneratedEvent> events_;
  std::vector<Value> values_;
};

std::unique_ptr<RowMapper> MakeMapper(std::string_view members) {
  const auto config = SourcesConfig::Parse(StrCat(R"([{"config_id": "b", "source_prefix": "")",
                                                  members.empty() ? "" : ",", members, "}]"),
                                           "/sources.json");
  auto mapper = RowMapper::Make(config->entries()[0], absl::FromUnixMicros(kEndMicros),
                                RecordRules::Mixpanel());
  if (!mapper.ok()) std::abort();
  (*mapper)->BeginObject("gs://bucket/object", "1");
  return *std::move(mapper);
}

void MapAll(RowMapper& mapper, const Rows& rows, Batch& batch) {
  batch.clear();
  for (uint64_t i = 0; i < kRows; ++i) mapper.Buffer(rows[i], batch);
  BufferedRows held;
  while (!mapper.Flush(kBatchBytes, batch, held)) {
  }
  if (batch.rows() != kRows) std::abort();
}

void MapRows(benchmark::State& state) {
  const Rows rows(/*with_insert_id=*/state.range(0) == 0);
  const std::unique_ptr<RowMapper> mapper = MakeMapper(kMappings);
  Batch batch;
  for (auto _ : state) MapAll(*mapper, rows, batch);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(batch.bytes.size()));
}
BENCHMARK(MapRows)->ArgName("hashing")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

// Collects the rows of a batch of events, as an NDJSON reader would show them.
class MappingVisitor : public RowVisitor {
 public:
  MappingVisitor(RowMapper& mapper, Batch& out) : mapper_(mapper), out_(out) {}
  void OnRow(const Row& row) override { mapper_.Buffer(row, out_); }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override { std::abort(); }

 private:
  RowMapper& mapper_;
  Batch& out_;
};

// Decoding of the outer rows included.
void MapMixpanelFormat(benchmark::State& state) {
  Batch events;
  MapAll(*MakeMapper(kMappings), Rows(/*with_insert_id=*/true), events);
  const std::unique_ptr<RowMapper> mapper = MakeMapper("");
  JsonObjectParser parser;
  Batch batch;
  for (auto _ : state) {
    batch.clear();
    MappingVisitor visitor(*mapper, batch);
    parser.ParseLines(events, visitor);
    if (batch.rows() != kRows) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}
BENCHMARK(MapMixpanelFormat)->Unit(benchmark::kMicrosecond);

constexpr std::string_view kScripts[] = {
    "export default (event) => event;",
    "export default function (event) {\n"
    "  const p = event.properties;\n"
    "  p.total = (p.amount ?? 0) * 1.19;\n"
    "  p.plan = p.is_new ? 'new' : 'known';\n"
    "  return event;\n"
    "}",
    "export default ({ event, properties: { comment, ...rest } }) =>\n"
    "  ({ event: event.toUpperCase(), properties: { ...rest, has_comment: !!comment } });",
};

void Transform(benchmark::State& state) {
  const std::string path = StrCat(std::filesystem::temp_directory_path().string(),
                                  "/millrace-bench-", ::getpid(), ".js");
  std::ofstream(path) << kScripts[static_cast<size_t>(state.range(0))];
  const std::unique_ptr<RowMapper> mapper =
      MakeMapper(StrCat("\"transform\": \"", path, "\",", kMappings));
  std::filesystem::remove(path);
  const Rows rows(/*with_insert_id=*/true);
  Batch batch;
  for (auto _ : state) MapAll(*mapper, rows, batch);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}
BENCHMARK(Transform)
    ->ArgName("script")
    ->DenseRange(0, 2)
    ->Unit(benchmark::kMicrosecond)
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace millrace

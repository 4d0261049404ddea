// The cost of the forms: records of about 400 bytes to table rows and flat rows, beside only
// parsing them.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/batch.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "generate/event_model.h"
#include "records/dialect.h"
#include "records/flat_writer.h"
#include "records/record_parser.h"
#include "records/table_reader.h"

namespace millrace {
namespace {

constexpr uint64_t kRows = 2000;  // as in a chunk
constexpr int64_t kBeginMicros = 1'790'899'200'000'000;
constexpr int64_t kEndMicros = 1'793'491'200'000'000;

void Member(ByteBuffer& out, std::string_view name, std::string_view text) {
  out.Append(StrCat(",\"", name, "\":"));
  AppendJsonString(out, text);
}

// Generated events as mapping makes them. With more than one of `shapes`, so many different keys
// occur in one place, as in events of different names.
Batch MakeRecords(uint64_t shapes) {
  const EventModel model(1, kRows, kBeginMicros, kEndMicros);
  Batch batch;
  GeneratedEvent e;
  for (uint64_t i = 0; i < kRows; ++i) {
    model.Make(i, e);
    ByteBuffer& out = batch.bytes;
    out.Append("{\"event\":");
    AppendJsonString(out, e.event_name);
    out.Append(StrCat(",\"properties\":{\"time\":", e.business_ts / 1000));
    Member(out, "$user_id", e.user_id);
    Member(out, "$device_id", e.device_id);
    Member(out, "distinct_id", e.user_id);
    Member(out, "$insert_id", e.insert_id);
    out.Append(StrCat(",\"session_id\":", e.session_id));
    Member(out, "country", e.country);
    Member(out, "$city", e.city);
    Member(out, "$os", e.os);
    Member(out, StrCat("app_version", shapes < 2 ? "" : StrCat(i * 7919 % shapes)), e.app_version);
    Member(out, "page_url", e.page_url);
    if (e.amount) out.Append(StrCat(",\"amount\":", *e.amount));
    out.Append(e.is_new ? ",\"is_new\":true" : ",\"is_new\":false");
    if (e.comment) Member(out, "comment", *e.comment);
    out.Append("}}");
    batch.EndRow(i);
  }
  return batch;
}

void Count(benchmark::State& state, const Batch& batch) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(batch.bytes.size()));
}

void Parse(benchmark::State& state) {
  const Batch batch = MakeRecords(static_cast<uint64_t>(state.range(0)));
  RecordParser parser(RecordType::kEvent);
  for (auto _ : state) {
    for (size_t i = 0; i < kRows; ++i) {
      if (!parser.Parse(batch.row(i)).ok()) std::abort();
    }
  }
  Count(state, batch);
}
BENCHMARK(Parse)->ArgName("shapes")->Arg(1)->Arg(50);

void Table(benchmark::State& state, std::vector<std::string> extra_columns) {
  const Batch batch = MakeRecords(static_cast<uint64_t>(state.range(0)));
  const auto form = TableForm::Make(RecordType::kEvent, std::move(extra_columns));
  TableReader reader(*form);
  std::vector<TableRow> rows;
  for (auto _ : state) {
    for (size_t i = 0; i < kRows; ++i) {
      if (!reader.Read(batch.row(i), absl::UnixEpoch(), rows).ok()) std::abort();
      if (FindMisfit(kPostgresDialect, *form, rows[0])) std::abort();
    }
  }
  Count(state, batch);
}
BENCHMARK_CAPTURE(Table, standard, {})->ArgName("shapes")->Arg(1)->Arg(50);
BENCHMARK_CAPTURE(Table, extra, {"country", "amount:number", "is_new:boolean"})
    ->ArgName("shapes")
    ->Arg(1);

void Flat(benchmark::State& state) {
  const Batch batch = MakeRecords(static_cast<uint64_t>(state.range(0)));
  FlatWriter writer(RecordType::kEvent);
  ByteBuffer out;
  for (auto _ : state) {
    out.clear();
    for (size_t i = 0; i < kRows; ++i) {
      if (!writer.Append(batch.row(i), out).ok()) std::abort();
    }
  }
  Count(state, batch);
}
BENCHMARK(Flat)->ArgName("shapes")->Arg(1)->Arg(50);

}  // namespace
}  // namespace millrace

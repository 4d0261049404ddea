// The cost of delivery itself: a source of ready batches (2,000 rows of 400 bytes), a sink
// that accepts them, and a real ledger on disk. The rows' bytes are not read.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "connectors/sqlite/sqlite_ledger.h"
#include "pipeline/run.h"

namespace millrace {
namespace {

constexpr uint64_t kChunkRows = 2000;
constexpr uint64_t kRowBytes = 400;
constexpr uint64_t kEvents = 20'000'000;

struct NullPayload : Payload {
  size_t memory() const override { return kChunkRows * kRowBytes; }
};

// `objects` of equal size; claimed as real ones are.
class NullSource : public Source {
 public:
  NullSource(Ledger& ledger, uint64_t objects)
      : ledger_(ledger), objects_(objects), rows_(kEvents / objects) {}

  bool Ready() override { return true; }

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    if (entry_ == nullptr) {
      if (next_object_ == objects_) return nullptr;
      auto claim = ledger_.ClaimObject({{.object = "null://" + std::to_string(next_object_++)},
                                        "me",
                                        rows_ * kRowBytes,
                                        absl::Minutes(5)},
                                       stop);
      if (!claim.ok()) return claim.status();
      entry_ = std::make_shared<const LedgerEntry>(std::move(claim->entry));
      row_ = 0;
    }
    auto chunk = std::make_unique<Chunk>();
    chunk->object = entry_;
    chunk->first_row = row_;
    chunk->rows = std::min(kChunkRows, rows_ - row_);
    chunk->payload = std::make_unique<NullPayload>();
    row_ += chunk->rows;
    chunk->after.row = row_;
    chunk->last = row_ == rows_;
    if (chunk->last) entry_.reset();
    return chunk;
  }

 private:
  Ledger& ledger_;
  const uint64_t objects_;
  const uint64_t rows_;
  uint64_t next_object_ = 0;
  std::shared_ptr<const LedgerEntry> entry_;
  uint64_t row_ = 0;
};

class NullTransform : public Transform {
 public:
  void Begin(Chunk& chunk) override { chunk_ = &chunk; }
  bool Next(size_t /*max_bytes*/, Transformed& out) override {
    Batch& batch = out.batch;
    for (uint64_t row = 0; row < chunk_->rows; ++row) {
      batch.bytes.Reserve(kRowBytes);
      batch.bytes.Commit(kRowBytes - 1);
      batch.EndRow(chunk_->first_row + row);
    }
    return true;
  }

 private:
  const Chunk* chunk_ = nullptr;
};

class NullSink : public Sink {
 public:
  WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override {
    return WriteResult::Durable();
  }
};

class NullDeadLetterQueue : public DeadLetterQueue {
 public:
  absl::Status Add(const LedgerKey&, absl::Span<const Rejection>) override {
    return absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override { return absl::OkStatus(); }
  absl::Status RemoveRows(const LedgerKey&, uint64_t, uint64_t) override {
    return absl::OkStatus();
  }
};

double CpuSeconds() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void BM_Deliver(benchmark::State& state) {
  const auto objects = static_cast<uint64_t>(state.range(0));
  double cpu = 0;
  for (auto _ : state) {
    std::string folder = std::filesystem::temp_directory_path() / "pipeline_benchmark_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no temporary folder");
    {
      auto ledger = OpenSqliteLedger(folder + "/ledger.db", Clock::Real());
      if (!ledger.ok()) return state.SkipWithError(ledger.status().ToString().c_str());
      NullSource source(**ledger, objects);
      NullDeadLetterQueue dead_letter;
      const double cpu_before = CpuSeconds();
      const RunReport report =
          Run({.source = source,
               .make_transform = [] { return std::make_unique<NullTransform>(); },
               .make_sink = [] { return std::make_unique<NullSink>(); },
               .ledger = **ledger,
               .dead_letter = dead_letter},
              RunOptions(), {});
      cpu += CpuSeconds() - cpu_before;
      if (!report.status.ok() || report.counts.events != kEvents) {
        return state.SkipWithError("not all was delivered");
      }
    }
    std::filesystem::remove_all(folder);
  }
  const auto events = static_cast<double>(kEvents * state.iterations());
  state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
  state.counters["cpu_ns/event"] = cpu * 1e9 / events;
}
BENCHMARK(BM_Deliver)
    ->ArgName("objects")
    ->Arg(1)
    ->Arg(1'000)
    ->Arg(10'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace

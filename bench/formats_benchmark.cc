// The cost of reading text: decompressing, splitting and decoding generated events. Read() is the
// part that is done in order on one thread, ForEachRow() the part that workers share.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "formats/row_reader.h"
#include "generate/event_generator.h"
#include "io/decompress.h"
#include "io/gzip_encoder.h"
#include "io/object_store.h"

namespace millrace {
namespace {

constexpr uint64_t kRows = 200'000;

// Generated files in a temporary folder.
class SampleFiles {
 public:
  SampleFiles()
      : folder_(std::filesystem::temp_directory_path() /
                ("millrace-bench-" + std::to_string(::getpid()))) {
    GenerateEventsOptions options;
    options.rows = kRows;
    options.output = folder_.string();
    options.formats = {FileType::kNdjson, FileType::kCsv};
    if (!GenerateEvents(options, std::stop_token()).ok()) std::abort();
  }
  ~SampleFiles() { std::filesystem::remove_all(folder_); }

  std::shared_ptr<ObjectReader> Open(FileType type) const {
    const std::string path = type == FileType::kNdjson
                                 ? (folder_ / "ndjson/events-00000.ndjson.gz").string()
                                 : (folder_ / "csv/events-00000.csv").string();
    const std::unique_ptr<ObjectStore> store = NewLocalObjectStore();
    std::shared_ptr<ObjectReader> object;
    const absl::Status listed = store->List(path, [&](const ObjectInfo& info) {
      auto opened = store->Open(info);
      if (opened.ok()) object = *std::move(opened);
      return opened.status();
    });
    if (!listed.ok()) std::abort();
    return object;
  }

 private:
  const std::filesystem::path folder_;
};

const SampleFiles& Samples() {
  static const SampleFiles samples;
  return samples;
}

class CountingVisitor : public RowVisitor {
 public:
  void OnRow(const Row& row) override { cells += row.values.size(); }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override { std::abort(); }
  uint64_t cells = 0;
};

void Inflate(benchmark::State& state) {
  const std::shared_ptr<ObjectReader> object = Samples().Open(FileType::kNdjson);
  std::vector<char> buffer(1 << 20);
  uint64_t bytes = 0;
  for (auto _ : state) {
    auto stream = NewDecompressingStream(NewObjectStream(*object));
    while (const size_t read = *(*stream)->Read(absl::MakeSpan(buffer))) bytes += read;
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(Inflate)->Unit(benchmark::kMillisecond);

void Deflate(benchmark::State& state) {
  const std::shared_ptr<ObjectReader> object = Samples().Open(FileType::kNdjson);
  auto stream = NewDecompressingStream(NewObjectStream(*object));
  std::string plain(2 << 20, '\0');  // about a request body
  plain.resize(*(*stream)->Read(absl::MakeSpan(plain)));
  GzipEncoder encoder;
  ByteBuffer packed;
  for (auto _ : state) encoder.Encode(plain, &packed);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * plain.size()));
  state.counters["ratio"] = static_cast<double>(plain.size()) / static_cast<double>(packed.size());
}
BENCHMARK(Deflate)->Unit(benchmark::kMillisecond);

// Read() alone: chunks are freed at once.
void Read(benchmark::State& state, FileType type) {
  const std::shared_ptr<ObjectReader> object = Samples().Open(type);
  uint64_t bytes = 0;
  uint64_t end = 0;
  for (auto _ : state) {
    auto reader = OpenRows(object, {});
    while (const std::unique_ptr<RowChunk> chunk = *(*reader)->Read({})) {
      end = chunk->after().byte;
    }
    bytes += end;
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
}
BENCHMARK_CAPTURE(Read, Ndjson, FileType::kNdjson)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Read, Csv, FileType::kCsv)->Unit(benchmark::kMillisecond);

// ForEachRow() alone, over chunks that were read before.
void Decode(benchmark::State& state, FileType type) {
  auto reader = OpenRows(Samples().Open(type), {});
  std::vector<std::unique_ptr<RowChunk>> chunks;
  uint64_t bytes = 0;
  while (std::unique_ptr<RowChunk> chunk = *(*reader)->Read({})) {
    bytes = chunk->after().byte;
    chunks.push_back(std::move(chunk));
  }
  DecodeScratch scratch;
  CountingVisitor visitor;
  for (auto _ : state) {
    for (const std::unique_ptr<RowChunk>& chunk : chunks) chunk->ForEachRow(scratch, visitor);
  }
  benchmark::DoNotOptimize(visitor.cells);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
}
BENCHMARK_CAPTURE(Decode, Ndjson, FileType::kNdjson)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Decode, Csv, FileType::kCsv)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace

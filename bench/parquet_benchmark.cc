// Reading Parquet: decoding pages and making a Value of every cell, and the memory that takes,
// whatever the size of the row groups.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "arrow/io/file.h"
#include "formats/parquet_reader.h"
#include "generate/event_generator.h"
#include "io/object_store.h"
#include "parquet/column_writer.h"
#include "parquet/file_writer.h"
#include "parquet/properties.h"
#include "parquet/schema.h"

namespace millrace {
namespace {

constexpr uint64_t kEvents = 1'000'000;

std::filesystem::path Folder() {
  return std::filesystem::temp_directory_path() / "millrace_parquet_benchmark";
}

// Runs `work` in its own process and returns the peak of its resident memory in MB.
double PeakMemoryOf(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  rusage usage = {};
  if (wait4(child, &status, 0, &usage) != child || status != 0) std::abort();
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// A file of kEvents generated events, made once.
const std::string& EventFile() {
  static const std::string path = [] {
    PeakMemoryOf([] {
      const GenerateEventsOptions options = {
          .rows = kEvents, .output = Folder(), .formats = {FileType::kParquet}};
      if (!GenerateEvents(options, {}).ok()) std::abort();
    });
    return (Folder() / "events-00000.parquet").string();
  }();
  return path;
}

// A file of one row group of 2.2 GB (decompressed): 4 million rows of ten texts and a number.
void WriteHugeRowGroup(const std::string& path) {
  constexpr int kRows = 4'000'000;
  constexpr int kTexts = 10;
  constexpr int kBatch = 10'000;
  parquet::schema::NodeVector fields;
  for (int i = 0; i < kTexts; ++i) {
    fields.push_back(parquet::schema::PrimitiveNode::Make(
        "text_" + std::to_string(i), parquet::Repetition::REQUIRED, parquet::LogicalType::String(),
        parquet::Type::BYTE_ARRAY));
  }
  fields.push_back(parquet::schema::Int64("number", parquet::Repetition::REQUIRED));
  parquet::WriterProperties::Builder properties;
  properties.compression(parquet::Compression::SNAPPY)->disable_dictionary();
  const auto writer = parquet::ParquetFileWriter::Open(
      arrow::io::FileOutputStream::Open(path).ValueOrDie(),
      std::static_pointer_cast<parquet::schema::GroupNode>(
          parquet::schema::GroupNode::Make("schema", parquet::Repetition::REQUIRED, fields)),
      properties.build());
  parquet::RowGroupWriter* group = writer->AppendRowGroup();

  std::mt19937_64 random(1);
  std::string text(kBatch * 50, 'a');
  std::vector<parquet::ByteArray> texts(kBatch);
  std::vector<int64_t> numbers(kBatch);
  for (int i = 0; i < kBatch; ++i) {
    texts[i] = {50, reinterpret_cast<const uint8_t*>(text.data()) + i * 50};
  }
  for (int column = 0; column < kTexts; ++column) {
    auto* texts_out = static_cast<parquet::ByteArrayWriter*>(group->NextColumn());
    for (int row = 0; row < kRows; row += kBatch) {
      for (size_t i = 0; i < text.size(); i += 4) text[i] = static_cast<char>('a' + random() % 26);
      texts_out->WriteBatch(kBatch, nullptr, nullptr, texts.data());
    }
  }
  auto* numbers_out = static_cast<parquet::Int64Writer*>(group->NextColumn());
  for (int row = 0; row < kRows; row += kBatch) {
    for (int64_t& number : numbers) number = static_cast<int64_t>(random());
    numbers_out->WriteBatch(kBatch, nullptr, nullptr, numbers.data());
  }
  writer->Close();
}

const std::string& HugeRowGroupFile() {
  static const std::string path = [] {
    std::string file = (Folder() / "huge_row_group.parquet").string();
    std::filesystem::create_directories(Folder());
    PeakMemoryOf([&] { WriteHugeRowGroup(file); });
    return file;
  }();
  return path;
}

class CellCounter : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    for (const Value& value : row.values) bytes += value.text.size() + 1;
  }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override { std::abort(); }

  uint64_t bytes = 0;
};

// Reads the whole file; returns its rows.
uint64_t ReadFile(const std::string& path, const ReadOptions& options, bool make_cells) {
  ObjectInfo info;
  const auto store = NewLocalObjectStore();
  const auto listed = store->List(path, [&](const ObjectInfo& object) {
    info = object;
    return absl::OkStatus();
  });
  auto object = store->Open(info);
  if (!listed.ok() || !object.ok()) std::abort();
  const auto reader = OpenParquet(std::shared_ptr<ObjectReader>(*std::move(object)), options);
  if (!reader.ok()) std::abort();
  DecodeScratch scratch;
  CellCounter counter;
  uint64_t rows = 0;
  while (true) {
    const auto chunk = (*reader)->Read({});
    if (!chunk.ok()) std::abort();
    if (*chunk == nullptr) break;
    rows += (*chunk)->row_count();
    if (make_cells) (*chunk)->ForEachRow(scratch, counter);
  }
  benchmark::DoNotOptimize(counter.bytes);
  return rows;
}

void Read(benchmark::State& state, const std::string& path, const ReadOptions& options,
          bool make_cells) {
  uint64_t rows = 0;
  for (auto _ : state) rows += ReadFile(path, options, make_cells);
  state.counters["rows"] =
      benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsRate);
  state.counters["peak_rss_MB"] = PeakMemoryOf([&] { ReadFile(path, options, make_cells); });
}

void EventPages(benchmark::State& state) { Read(state, EventFile(), {}, false); }
void EventCells(benchmark::State& state) { Read(state, EventFile(), {}, true); }
void EventCellsOfTwoColumns(benchmark::State& state) {
  Read(state, EventFile(), {.columns = {"event_name", "business_ts"}}, true);
}
void HugeRowGroupCells(benchmark::State& state) { Read(state, HugeRowGroupFile(), {}, true); }

BENCHMARK(EventPages)->Unit(benchmark::kMillisecond);
BENCHMARK(EventCells)->Unit(benchmark::kMillisecond);
BENCHMARK(EventCellsOfTwoColumns)->Unit(benchmark::kMillisecond);
BENCHMARK(HugeRowGroupCells)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace millrace

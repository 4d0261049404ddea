// `millrace init` on any file: its config loads, and maps the rows of the file.
#include <cstdint>
#include <memory>
#include <string>

#include "formats/testing/rows.h"
#include "init/file_profile.h"
#include "init/infer_config.h"
#include "mapping/row_mapper.h"
#include "mapping/sources_config.h"
#include "require.h"

namespace millrace {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'767'225'600);
constexpr int kMaxChunks = 20;

// Maps each row, good or bad, as an import would.
class MapsRows : public RowVisitor {
 public:
  explicit MapsRows(RowMapper& mapper) : mapper_(mapper) {}
  void OnRow(const Row& row) override {
    MapError why;
    mapper_.Map(row, batch_, why);
  }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override {}

 private:
  RowMapper& mapper_;
  Batch batch_;
};

// The detected format of the file; kAuto if it is not supported.
FileType ShowRows(const std::string& bytes, RowVisitor& visitor) {
  auto reader = OpenRows(std::make_shared<MemoryObject>(bytes), {});
  if (!reader.ok()) return FileType::kAuto;
  DecodeScratch scratch;
  for (int i = 0; i < kMaxChunks; ++i) {
    auto chunk = (*reader)->Read({.rows = 50, .bytes = 100'000});
    if (!chunk.ok() || *chunk == nullptr) break;
    (*chunk)->ForEachRow(scratch, visitor);
  }
  return (*reader)->type();
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  FileProfiler profiler(kNow);
  const FileType type = ShowRows(bytes, profiler);
  if (type == FileType::kAuto) return 0;
  FileProfile profile = profiler.TakeProfile();
  profile.uri = "/fuzz/data/day=01/file";
  profile.type = type;
  if (profile.rows == 0) return 0;
  const InferredConfig inferred = InferConfig(profile);
  if (inferred.mixpanel_format) return 0;
  const auto config = SourcesConfig::Parse(inferred.json, "/fuzz/sources.json");
  Require(config.ok() && config->entries().size() == 1);
  auto mapper = RowMapper::Make(config->entries()[0], kNow, RecordRules::Mixpanel());
  Require(mapper.ok());
  (*mapper)->BeginObject(profile.uri, "1");
  MapsRows maps(**mapper);
  ShowRows(bytes, maps);
  return 0;
}

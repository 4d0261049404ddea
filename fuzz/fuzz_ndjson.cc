// JSON readers, against nlohmann-json as the judge of what is valid. The first two bytes of the
// input choose the chunk limits.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "rows_fuzzer.h"

namespace millrace {
namespace {

// An accepted row is an object of valid cells; a rejected one is not.
class JudgingVisitor : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    ByteBuffer json;
    json.Append('{');
    for (size_t i = 0; i < row.values.size(); ++i) {
      if (i != 0) json.Append(',');
      AppendJsonValue(json, Value::Text(Value::Kind::kText, row.shape->names[i]));
      json.Append(':');
      AppendJsonValue(json, row.values[i]);
    }
    json.Append('}');
    Require(nlohmann::json::accept(json.view()));
    Require(json.view().find('\n') == std::string_view::npos);
  }
  void OnBadRow(uint64_t, const absl::Status& why, std::string_view raw) override {
    const bool bounded = why.message().find("64 levels") != absl::string_view::npos ||
                         why.message().find("10,000 keys") != absl::string_view::npos ||
                         raw.size() >= (1 << 20);
    // The other parser reads a zero byte as the end of the text.
    if (raw.find('\0') != std::string_view::npos) return;
    if (!bounded && nlohmann::json::accept(raw)) {
      Require(!nlohmann::json::parse(raw).is_object());
    }
  }
};

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  if (size < 2) return 0;
  const ChunkLimits limits{.rows = size_t{data[0]} + 1, .bytes = size_t{data[1]} * 8 + 1};
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  CheckRows(bytes, {.type = FileType::kNdjson}, limits);

  auto reader = OpenRows(std::make_shared<MemoryObject>(bytes), {.type = FileType::kNdjson});
  if (!reader.ok()) return 0;
  DecodeScratch scratch;
  JudgingVisitor judge;
  for (;;) {
    auto chunk = (*reader)->Read(limits);
    if (!chunk.ok() || *chunk == nullptr) return 0;
    (*chunk)->ForEachRow(scratch, judge);
  }
}

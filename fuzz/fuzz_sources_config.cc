// The parser of sources.json: any text is accepted or rejected, and an accepted one maps rows.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mapping/row_mapper.h"
#include "mapping/sources_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<SourcesConfig> config = SourcesConfig::Parse(text, "/fuzz/sources.json");
  if (!config.ok()) {
    if (config.status().code() != absl::StatusCode::kInvalidArgument) std::abort();
    return 0;
  }
  config->Match("gs://bucket/object");
  const RowShape shape = RowShape::Make({"time", "a", "b"});
  const Value values[] = {Value::Int(1'713'928'381), Value::Text(Value::Kind::kText, "x"),
                          Value::Null()};
  for (const auto& entry : config->entries()) {
    if (entry->fingerprint.size() != 32) std::abort();
    if (!entry->transform.empty()) continue;
    auto mapper =
        RowMapper::Make(entry, absl::FromUnixSeconds(1'767'225'600), RecordRules::Mixpanel());
    if (!mapper.ok()) std::abort();
    Batch batch;
    MapError why;
    (*mapper)->Map({0, &shape, values}, batch, why);
  }
  return 0;
}

// Any bytes as an Avro file, and as a manifest list and a manifest.
#include <cstdint>
#include <string_view>

#include "formats/avro_file.h"
#include "iceberg/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Blocks of values that take a byte each can hold many; some are enough.
  constexpr int kMaxValues = 1000;
  int values = 0;
  const auto count = [&]() {
    return ++values > kMaxValues ? absl::CancelledError("enough") : absl::OkStatus();
  };
  ReadAvroFile(*NewMemoryStream(bytes), [&](const AvroValue&, const auto&) {
    return count();
  }).IgnoreError();
  ReadManifestList(*NewMemoryStream(bytes), [&](const ManifestInfo&) {
    return count();
  }).IgnoreError();
  ReadManifest(*NewMemoryStream(bytes), {.sequence_number = 1}, {2}, [&](const ManifestEntry&) {
    return count();
  }).IgnoreError();
  return 0;
}

// Any text as the metadata of an Iceberg table, and the choice of a snapshot from it.
#include <cstdint>
#include <string_view>

#include "iceberg/table_files.h"
#include "iceberg/table_metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const auto metadata = ParseIcebergMetadata({reinterpret_cast<const char*>(data), size});
  if (!metadata.ok()) return 0;
  NormalLocation(metadata->location);
  const SnapshotChoice choices[] = {
      {}, {.snapshot_id = 1}, {.as_of = absl::FromUnixMillis(1'700'000'000'000)}};
  for (const SnapshotChoice& choice : choices) {
    const auto snapshot = ChooseSnapshot(*metadata, choice);
    if (snapshot.ok()) SchemaOf(*metadata, *snapshot, choice).status().IgnoreError();
  }
  return 0;
}

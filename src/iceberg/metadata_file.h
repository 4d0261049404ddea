// Finds the current metadata file of a table.
#ifndef MILLRACE_ICEBERG_METADATA_FILE_H_
#define MILLRACE_ICEBERG_METADATA_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "iceberg/table_files.h"

namespace millrace {

struct MetadataFile {
  StoredObject object;
  std::string table_folder;
};

// See IcebergTable::Open. `path` is a table's folder, its metadata folder, or a metadata file.
absl::StatusOr<MetadataFile> FindMetadataFile(const StoreFor& store_for, std::string_view path);

inline constexpr size_t kMaxMetadataBytes = 64 << 20;

// ResourceExhausted if it is larger than kMaxMetadataBytes.
absl::StatusOr<std::string> ReadMetadataText(const StoredObject& object);

// "v12.metadata.json", "00012-1b4e...-.gz.metadata.json" -> 12; nullopt for other names.
std::optional<uint64_t> MetadataVersion(std::string_view file_name);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_METADATA_FILE_H_

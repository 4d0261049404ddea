// The data files of a table that a ledger knows.
#ifndef MILLRACE_OBJECTS_IMPORTED_FILES_H_
#define MILLRACE_OBJECTS_IMPORTED_FILES_H_

#include <stop_token>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "pipeline/ledger.h"

namespace millrace {

// A copy: some 30 bytes per file.
class ImportedFiles {
 public:
  enum class State { kUnknown, kBegun, kDone };

  ImportedFiles() = default;  // none

  // The files of `table` (IcebergTableName()) that were imported into one of `destinations`, under
  // any config. Reads the whole ledger.
  static absl::StatusOr<ImportedFiles> Load(LedgerReader& ledger,
                                            const absl::flat_hash_set<std::string>& destinations,
                                            std::string_view table, std::stop_token stop);

  State Find(std::string_view name) const;
  bool empty() const { return files_.empty(); }

 private:
  struct Low {
    size_t operator()(const Hash128& hash) const { return static_cast<size_t>(hash.low); }
  };
  absl::flat_hash_map<Hash128, State, Low> files_;
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_IMPORTED_FILES_H_

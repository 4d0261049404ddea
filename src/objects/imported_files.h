// The data files of a table that a ledger knows.
#ifndef MILLRACE_OBJECTS_IMPORTED_FILES_H_
#define MILLRACE_OBJECTS_IMPORTED_FILES_H_

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "io/object_store.h"
#include "pipeline/ledger.h"

namespace millrace {

// A copy: some 30 bytes per file, and the objects of other configs.
class ImportedFiles {
 public:
  // What a file may have sent. A later state decides if the ledger has several rows of a file.
  enum class State {
    kUnknown,      // nothing
    kOtherConfig,  // rows, only under another config than that of now
    kBegun,        // some of its rows
    kDone,         // all its rows
  };
  // The key under which an object is imported now, whatever its version; nullopt: it is not.
  using KeyNow = std::function<std::optional<LedgerKey>(std::string_view object)>;

  ImportedFiles() = default;  // none

  // The files of `table` (IcebergTableName()) that were imported into the destinations of their
  // keys. Reads the whole ledger.
  static absl::StatusOr<ImportedFiles> Load(LedgerReader& ledger, const KeyNow& key_now,
                                            std::string_view table, std::stop_token stop);

  State Find(std::string_view name) const;
  // The object of that name as it was imported under another config; null if Find() does not return
  // kOtherConfig.
  const ObjectInfo* FindOther(std::string_view name) const;
  bool empty() const { return files_.empty(); }

 private:
  struct Low {
    size_t operator()(const Hash128& hash) const { return static_cast<size_t>(hash.low); }
  };
  absl::flat_hash_map<Hash128, State, Low> files_;
  std::map<std::string, ObjectInfo, std::less<>> others_;  // by name
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_IMPORTED_FILES_H_

// The objects, and the part of each, that have reached the destination according to the ledger.
#ifndef MILLRACE_RECONCILE_CONFIRMED_OBJECTS_H_
#define MILLRACE_RECONCILE_CONFIRMED_OBJECTS_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/warnings.h"
#include "import/import.h"
#include "objects/object_lister.h"
#include "pipeline/ledger.h"

namespace millrace {

// Rows [0, rows) of `object` are accepted, rejected or filtered.
struct ConfirmedObject {
  ListedObject object;
  std::shared_ptr<const SourceConfig> config;
  LedgerKey key;
  uint64_t rows = 0;  // kAllRows: the object is done
  // Sent by another version of the mapping rules: rows may have other ids now, so a row that is not
  // found is not necessarily missing.
  bool other_mapping = false;
  static constexpr uint64_t kAllRows = UINT64_MAX;
};

// Why an object is not confirmed, or only in part.
enum class ObjectProblem {
  kOpen,           // confirmed in part: the import has not finished
  kNotImported,    // not in the ledger for this destination
  kConfigChanged,  // in the ledger for this destination, but only with another config
  kOtherMapping,   // imported by another version of the mapping rules
  kChanged,        // in the ledger with another version
  kGone,           // in the ledger, but the inputs no longer find it
  kUnreadable,     // cannot be read (again)
  kNotComparable,  // its rows were imported from other objects, under ids that it does not show
};
std::string_view NameOf(ObjectProblem problem);

struct ObjectFinding {
  ObjectProblem problem;
  std::string object;
  std::string message;
};

struct ConfirmedObjects {
  std::vector<ConfirmedObject> objects;  // of events
  std::vector<ObjectFinding> findings;
  uint64_t not_checked = 0;  // objects of profiles, whose rows exports do not show
};

// Compares the objects that the inputs name with the ledger's rows of `destination`. Needs some
// hundred bytes per object. Adds hidden names to `warnings`. NotFound if an input matches nothing,
// neither in the store nor in the ledger.
absl::StatusOr<ConfirmedObjects> FindConfirmedObjects(const ImportRequest& request,
                                                      const std::string& destination,
                                                      Ledger& ledger, absl::Time now,
                                                      std::stop_token stop, Warnings& warnings);

// True if `input` (a path, folder or glob, or file://) names the object `uri`.
bool InputNames(const std::string& input, const std::string& uri);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_CONFIRMED_OBJECTS_H_

// Compares the columns of objects with those that a config entry names.
#ifndef MILLRACE_PLAN_COLUMN_STATS_H_
#define MILLRACE_PLAN_COLUMN_STATS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "formats/row.h"
#include "mapping/sources_config.h"
#include "objects/mapped_rows.h"

namespace millrace {

// A column that the config names and that some objects lack.
struct MissingColumn {
  std::string column;
  std::string used_for;      // "the event name", "property time", "$insert_id"
  uint64_t objects = 0;      // sampled objects that lack it
  std::string first_object;  // one of them
  std::string nearest;       // the most similar existing column; empty: none is similar
};

// Top-level columns only: of "a.b", column a counts if there is no column "a.b". One thread at a
// time; bounded memory.
class ColumnStats {
 public:
  static constexpr size_t kMaxColumns = 5'000;

  explicit ColumnStats(const SourceConfig& config);

  void BeginObject(std::string_view uri);
  void See(const std::vector<std::string>& columns);
  void See(const RowShape& shape);
  void EndObject();

  // In order of first appearance.
  const std::vector<std::string>& columns() const { return columns_; }
  std::vector<MissingColumn> missing() const;
  // Columns that are dropped: the config does not name them and passes nothing through.
  std::vector<std::string> unused() const;

 private:
  struct Use {
    ColumnUse column;
    bool seen = false;  // in the object
    uint64_t objects_without = 0;
    std::string first_without;
  };

  bool passes_all_ = false;
  std::vector<Use> uses_;
  std::string object_;
  bool object_has_columns_ = false;
  uint64_t last_shape_ = 0;
  std::vector<std::string> columns_;
  absl::flat_hash_set<std::string> known_;
};

}  // namespace millrace

#endif  // MILLRACE_PLAN_COLUMN_STATS_H_

// A batch as rows of SQL, cut into parts that a script can hold.
#ifndef MILLRACE_SQL_DELIVERY_ENCODED_BATCH_H_
#define MILLRACE_SQL_DELIVERY_ENCODED_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "pipeline/sink.h"
#include "records/table_reader.h"
#include "sql_delivery/script.h"

namespace millrace::sql_delivery {

// One thread at a time; keeps its buffers.
class EncodedBatch {
 public:
  // Both must outlive this object.
  EncodedBatch(const SqlDialect& dialect, const TableForm& form);

  // Encodes `batch`; both must stay as they are while this object is used. Rows that the database
  // cannot hold, or that no script can, are refused, and with them those of the same source row.
  void Encode(const Batch& batch, absl::Span<const BatchSpan> spans, absl::Time insert_time);

  // Groups of rows that stand or fall together, in the order of the batch.
  struct Group {
    RowRange rows;
    size_t span = 0;  // of `spans`; 0 without spans
    size_t end = 0;   // of its bytes; it has none if it is refused
    bool refused = false;
  };
  const std::vector<Group>& groups() const { return groups_; }

  // The rows of `groups`, separated, without those that are refused and those of the spans in
  // `closed`; each piece is for one statement.
  std::vector<std::string_view> Rows(RowRange groups, const std::set<size_t>& closed) const;

  // Ranges of groups of at most the dialect's size, with what their spans take.
  std::vector<RowRange> Parts() const;

  // Ascending.
  const std::vector<RefusedRow>& refused() const { return refused_; }
  // Adds the rows of group `index` to refused().
  void Refuse(size_t index, const RefusedRow& why);

 private:
  // False, with `why` set: the record is refused.
  bool AppendRecord(std::string_view record, size_t span, absl::Time insert_time, RefusedRow& why);
  size_t begin_of(size_t group) const { return group == 0 ? 0 : groups_[group - 1].end; }

  const SqlDialect& dialect_;
  const TableForm& form_;
  TableReader reader_;
  std::string bytes_;
  std::vector<Group> groups_;
  std::vector<TableRow> table_rows_;
  std::vector<RefusedRow> refused_;
};

// What a script takes for each span beside its rows, at most.
inline constexpr size_t kSpanBytes = 800;

}  // namespace millrace::sql_delivery

#endif  // MILLRACE_SQL_DELIVERY_ENCODED_BATCH_H_

// Which rows of a batch to copy next, when the server refuses some: it names the line, or the rows
// are halved until the bad ones are found. Pure.
#ifndef MILLRACE_CONNECTORS_POSTGRES_COPY_PLAN_H_
#define MILLRACE_CONNECTORS_POSTGRES_COPY_PLAN_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "connectors/postgres/copy_batch.h"
#include "pipeline/sink.h"

namespace millrace::postgres {

// Rows that stand or fall together are never separated. A row that the server names costs two
// statements: the one that failed, and one for the rows before it, since a COPY stores all or
// nothing. A row that it does not name costs two for each halving.
class CopyPlan {
 public:
  // Groups that are tried one by one before a batch counts as refused whole.
  static constexpr size_t kProbes = 16;

  // `rows`: what to copy, ascending.
  CopyPlan(const CopyBatch& batch, std::vector<RowRange> rows);

  // What to copy next; nullopt: nothing is left.
  std::optional<RowRange> Next() const;

  // Of Next():
  void Copied();
  void RefuseRow(size_t row, const RefusedRow& why);  // `row` is to blame
  void Refuse(const RefusedRow& why);                 // some row is

  // True after the first refusal, until a row was copied or named.
  bool may_be_whole() const { return !told_apart_; }
  // Up to kProbes groups from all over the rows that are left.
  std::vector<RowRange> Probes() const;
  void ToldApart() { told_apart_ = true; }

  // By row, ascending, with those of the CopyBatch.
  std::vector<RefusedRow> TakeRefused();

 private:
  const CopyBatch& batch_;
  std::deque<RowRange> left_;  // none is empty
  // Fewer at a time after a refusal, since the rows after a bad one are sent in vain.
  size_t max_rows_ = static_cast<size_t>(-1);
  bool told_apart_ = false;
  std::vector<RefusedRow> refused_;
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_COPY_PLAN_H_

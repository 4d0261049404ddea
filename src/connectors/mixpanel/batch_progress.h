// How far one batch has come: which rows still have to be sent and which were refused. Lets a batch
// that was delivered in part be taken up again where it stopped. Pure.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_BATCH_PROGRESS_H_
#define MILLRACE_CONNECTORS_MIXPANEL_BATCH_PROGRESS_H_

#include <optional>
#include <string_view>
#include <vector>

#include "base/batch.h"
#include "base/hash.h"
#include "connectors/mixpanel/request_split.h"
#include "pipeline/sink.h"

namespace millrace::mixpanel {

// One batch at a time, rows in ascending order.
class BatchProgress {
 public:
  // Goes on with `batch` if it is the one that was put aside, told by its content and its source
  // rows, not by its address; else begins it.
  void Begin(const Batch& batch);
  // Remembers how far `batch` has come for the next Begin().
  void PutAside(const Batch& batch);

  bool finished() const { return open_.empty(); }
  // The next rows to send: not empty unless finished().
  RowRange next() const { return open_.back(); }

  // `rows`, from the front of next(), are durable but `refused` (rows counted from rows.begin).
  void Settle(RowRange rows, std::vector<RefusedRow> refused);
  // `rows`, from the front of next(), will never be accepted.
  void Refuse(RowRange rows, std::string_view code, std::string_view message);
  // `rows`, from the front of next(), are to be sent in two halves.
  void Split(RowRange rows);
  // True as long as the search for bad rows in this batch may send one more request.
  bool SpendSearch();

  // The refused rows, ascending; forgets the batch.
  std::vector<RefusedRow> Finish();

 private:
  struct Identity {
    Hash128 bytes;
    Hash128 row_ends;
    Hash128 source_rows;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  static Identity Identify(const Batch& batch);
  void TakeFromNext(RowRange rows);

  std::vector<RowRange> open_;  // a stack: the lowest rows are last
  std::vector<RefusedRow> refused_;
  int searches_left_ = 0;
  bool moved_ = false;  // something differs from a batch just begun
  std::optional<Identity> aside_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_BATCH_PROGRESS_H_

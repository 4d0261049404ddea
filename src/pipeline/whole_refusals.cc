#include "pipeline/whole_refusals.h"

#include "base/strings.h"

namespace millrace {

absl::StatusOr<std::vector<RefusedRow>> WholeRefusals::Judge(const WriteResult& result,
                                                             size_t rows) {
  absl::MutexLock lock(&mutex_);
  if (!result.refused_whole()) {
    told_apart_ = true;
    in_a_row_ = 0;
    return result.refused();
  }
  const std::string words(ToStd(result.status().message()));
  in_a_row_ = words == words_ ? in_a_row_ + 1 : 1;
  words_ = words;
  if (!told_apart_) {
    return absl::FailedPreconditionError(
        StrCat("the destination refuses every row and names none: ", words,
               ". None was accepted in this run. Fix the destination, or exclude the rows that it "
               "does not take, and run again"));
  }
  if (in_a_row_ > kMaxInARow) {
    return absl::FailedPreconditionError(
        StrCat("the destination has refused the last ", in_a_row_,
               " batches as a whole and named no row: ", words, ". The first ", kMaxInARow,
               " are in the dead-letter queue. Fix the destination, replay "
               "them, and run again"));
  }
  std::vector<RefusedRow> refused(rows);
  for (size_t row = 0; row < rows; ++row) {
    refused[row].row = row;
    refused[row].message = words;
  }
  return refused;
}

}  // namespace millrace

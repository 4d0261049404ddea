// Events as rows.
#ifndef MILLRACE_GENERATE_EVENT_ROWS_H_
#define MILLRACE_GENERATE_EVENT_ROWS_H_

#include <array>

#include "generate/event_model.h"
#include "generate/row_maker.h"

namespace millrace {

class EventRows : public RowMaker {
 public:
  explicit EventRows(const EventModel& model) : model_(model) {}
  absl::Span<const OutputColumn> columns() const override;
  absl::Span<const Value> Make(uint64_t row) override;

 private:
  static constexpr size_t kColumns = 14;

  const EventModel model_;
  GeneratedEvent event_;
  std::array<Value, kColumns> cells_;
};

}  // namespace millrace

#endif  // MILLRACE_GENERATE_EVENT_ROWS_H_

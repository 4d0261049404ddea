// How the members of records with the same keys become one row: all rules for names that collide
// (docs/formats/records.md, "Names").
#ifndef MILLRACE_RECORDS_ROW_PLAN_H_
#define MILLRACE_RECORDS_ROW_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/record_type.h"
#include "formats/row.h"
#include "records/form.h"
#include "records/table_form.h"

namespace millrace {

struct RowPlan {
  static constexpr uint32_t kNoColumn = UINT32_MAX;

  enum class Condition : uint8_t {
    kAlways,
    kOperand,      // the value of an operation that is not an object: unless it says nothing
    kNoOperation,  // unless the value is an object or a list, which makes the member an operation
  };

  struct Step {
    bool of_payload = false;  // a member of the payload, else of the record
    Condition condition = Condition::kAlways;
    uint32_t field = 0;           // among its members
    uint32_t column = kNoColumn;  // the one that takes the value if it can and is still empty
    std::string fragment;         // else: ,"name": among the properties
  };

  // First those with columns; of two with the same column, the preferred one is first.
  std::vector<Step> steps;
  size_t fragment_bytes = 0;
};

// What the plan depends on.
struct RowShapes {
  const RowShape& record;
  const RowShape* payload = nullptr;  // null: it is not an object, or there is none
  size_t payload_field = 0;           // of the record; its size: there is none
};

// `form` is kFlat or kTable. `extra` are the requested columns; their numbers follow those of
// StandardColumns().
RowPlan CompileRowPlan(RecordType type, Form form, absl::Span<const Column> extra,
                       const RowShapes& shapes);

// ,"name": with the name as JSON.
std::string MemberFragment(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_ROW_PLAN_H_

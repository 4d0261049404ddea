// Plans compiled per row shape.
#ifndef MILLRACE_MAPPING_PLAN_CACHE_H_
#define MILLRACE_MAPPING_PLAN_CACHE_H_

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "formats/row.h"

namespace millrace {

// Bounded: if there are too many shapes, it is emptied.
template <typename Plan>
class PlanCache {
 public:
  // The plan for `shape`: `compile(shape)`, or its earlier result. Valid until the next call.
  template <typename Compile>
  const Plan& Get(const RowShape& shape, const Compile& compile) {
    if (last_ != nullptr && last_id_ == shape.id) return *last_;
    std::unique_ptr<const Plan>& plan = Slot(shape.id);
    if (plan == nullptr) plan = std::make_unique<const Plan>(compile(shape));
    last_id_ = shape.id;
    last_ = plan.get();
    return *last_;
  }

 private:
  static constexpr size_t kMaxPlans = 512;

  std::unique_ptr<const Plan>& Slot(uint64_t id) {
    if (plans_.size() >= kMaxPlans && !plans_.contains(id)) plans_.clear();
    return plans_[id];
  }

  absl::flat_hash_map<uint64_t, std::unique_ptr<const Plan>> plans_;
  uint64_t last_id_ = 0;
  const Plan* last_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_PLAN_CACHE_H_

#include "records/operations.h"

#include <algorithm>
#include <iterator>

namespace millrace {
namespace {

constexpr std::string_view kOperations[] = {"$set",   "$set_once", "$add",   "$append",
                                            "$union", "$remove",   "$unset", "$delete"};

// What SDKs send beside an operation.
constexpr std::string_view kDescriptions[] = {"$token",
                                              "$distinct_id",
                                              "$group_key",
                                              "$group_id",
                                              "$ip",
                                              "$time",
                                              "$ignore_time",
                                              "$ignore_alias",
                                              "$device_id",
                                              "$user_id",
                                              "$had_persisted_distinct_id",
                                              "$mp_metadata"};

}  // namespace

bool IsMixpanelOperation(std::string_view name) {
  return std::find(std::begin(kOperations), std::end(kOperations), name) != std::end(kOperations);
}

bool IsKnownOperation(std::string_view name) {
  return IsMixpanelOperation(name) || name == "$increment";
}

bool MayBeOperation(std::string_view name) {
  return name.size() > 1 && name[0] == '$' &&
         std::find(std::begin(kDescriptions), std::end(kDescriptions), name) ==
             std::end(kDescriptions);
}

}  // namespace millrace

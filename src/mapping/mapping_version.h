// The version of the rules by which rows become events.
#ifndef MILLRACE_MAPPING_MAPPING_VERSION_H_
#define MILLRACE_MAPPING_MAPPING_VERSION_H_

#include <cstdint>

namespace millrace {

// Raise it by one with every change by which some row that is mapped today, under the same config,
// gets another $insert_id, time, event name or distinct_id (an id hashed over other bytes, a time
// read otherwise, a value sent in another form), and say in docs/formats/ledger.md, "Mapping
// versions", which rows that are. Changes in what is rejected, in messages or in speed do not
// count.
//
// The ledger keeps the version that an object was begun with. Rows that were sent by another
// version cannot be found again by mapping them: `reconcile` says so instead of calling them
// missing, and does not repair them.
inline constexpr uint64_t kMappingVersion = 2;

}  // namespace millrace

#endif  // MILLRACE_MAPPING_MAPPING_VERSION_H_

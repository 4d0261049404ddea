// The version of the rules that turn rows into events.
#ifndef MILLRACE_MAPPING_MAPPING_VERSION_H_
#define MILLRACE_MAPPING_MAPPING_VERSION_H_

#include <cstdint>

namespace millrace {

// Increment it with every change that gives some row that can be mapped today, under the same
// config, another $insert_id, time, event name or distinct_id (an id hashed over other bytes, a
// time read differently, a value sent in another form), and list those rows in
// docs/formats/ledger.md, "Mapping versions". Changes in what is rejected, in messages or in speed
// do not count.
//
// The ledger stores the version with which an object was begun. Mapping a row again does not
// reproduce what another version sent: `reconcile` reports this instead of calling such rows
// missing, and does not repair them.
inline constexpr uint64_t kMappingVersion = 2;

}  // namespace millrace

#endif  // MILLRACE_MAPPING_MAPPING_VERSION_H_

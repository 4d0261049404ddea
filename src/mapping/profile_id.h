// The id of a profile update.
#ifndef MILLRACE_MAPPING_PROFILE_ID_H_
#define MILLRACE_MAPPING_PROFILE_ID_H_

#include <string_view>

#include "base/byte_buffer.h"
#include "formats/value.h"
#include "mapping/record_mapper.h"
#include "mapping/sources_config.h"

namespace millrace {

// Mixpanel's limit: an update has less than 1 MB.
inline constexpr size_t kMaxUpdateBytes = (1 << 20) - 1;

// Appends `id`, found in `column`, as the JSON text for $distinct_id (kUser) or $group_id (kGroup).
// Rejects it and returns false if it is null, empty, or means "no user"; kDraft leaves that to the
// transform, and writes null for null.
bool AppendProfileId(ByteBuffer& out, const Value& id, RecordType type, MapStage stage,
                     std::string_view column, MapError& why);

// Rejects the update at the end of `out`, from `begin` on, if it is too large.
bool CheckUpdateSize(const ByteBuffer& out, size_t begin, MapError& why);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_PROFILE_ID_H_

// The id of a profile update.
#ifndef MILLRACE_MAPPING_PROFILE_ID_H_
#define MILLRACE_MAPPING_PROFILE_ID_H_

#include <string_view>

#include "base/byte_buffer.h"
#include "formats/value.h"
#include "mapping/record_mapper.h"
#include "mapping/sources_config.h"

namespace millrace {

// Appends `id`, found in `column`, as the JSON text for $distinct_id (kUser) or $group_id (kGroup).
// Rejects it and returns false if it is null or empty, or means "no user" and `rules` refuse that;
// kDraft leaves that to the
// transform, and writes null for null.
bool AppendProfileId(ByteBuffer& out, const Value& id, RecordType type, const RecordRules& rules,
                     MapStage stage, std::string_view column, MapError& why);

// Rejects the update at the end of `out`, from `begin` on, if it is too large.
bool CheckUpdateSize(const ByteBuffer& out, size_t begin, const RecordRules& rules, MapError& why);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_PROFILE_ID_H_

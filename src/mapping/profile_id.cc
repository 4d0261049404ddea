#include "mapping/profile_id.h"

#include "base/strings.h"
#include "formats/id_text.h"
#include "mapping/value_text.h"
#include "records/ids.h"

namespace millrace {

bool AppendProfileId(ByteBuffer& out, const Value& id, RecordType type, const RecordRules& rules,
                     MapStage stage, std::string_view column, MapError& why) {
  ByteBuffer scratch;
  const std::string_view text = IdText(id, scratch);
  if (stage == MapStage::kDraft) {
    text.empty() ? out.Append("null") : AppendIdAsJson(out, id, text);
    return true;
  }
  if (text.empty()) {
    return Refuse(why, "missing_required_field", column,
                  type == RecordType::kGroup ? "the update has no $group_id"
                                             : "the update has no $distinct_id");
  }
  if (type == RecordType::kUser && rules.refuses_banned_ids && IsBannedId(text)) {
    return Refuse(
        why, "invalid_id", column,
        StrCat(QuoteValue(id), " in \"", column, "\" means \"no user\", and Mixpanel rejects it"));
  }
  AppendIdAsJson(out, id, text);
  return true;
}

bool CheckUpdateSize(const ByteBuffer& out, size_t begin, const RecordRules& rules, MapError& why) {
  const size_t bytes = out.size() - begin;
  if (bytes <= rules.max_bytes) return true;
  Refuse(why, "event_too_large", "",
         StrCat("the update has ", bytes, " bytes, and at most ", rules.max_bytes,
                " are accepted: map fewer columns"));
  why.mapped = std::string(out.view(begin, out.size()));
  return false;
}

}  // namespace millrace

// What a destination demands of a record beyond being one. Mapping applies the rules while it makes
// the record, so no record is parsed twice for them.
#ifndef MILLRACE_BASE_RECORD_RULES_H_
#define MILLRACE_BASE_RECORD_RULES_H_

#include <cstddef>

namespace millrace {

// The default: what every destination takes. A row that breaks a rule is rejected, and its code
// names the rule.
struct RecordRules {
  // Dead letters keep records up to this size in full.
  static constexpr size_t kMaxBytes = (1 << 20) - 1;

  size_t max_properties = static_cast<size_t>(-1);  // of an event ("too_many_properties")
  size_t max_bytes = kMaxBytes;                     // ("event_too_large")
  // Ids that mean "no user", such as "null" and "0", are refused ("invalid_id").
  bool refuses_banned_ids = false;
  // Times must be from 1971 to one hour from now ("invalid_time").
  bool bounds_time = false;
  // $identify, $create_alias and $merge must have the ids that they join
  // ("missing_required_field").
  bool checks_identity_events = false;
  // Only Mixpanel's operations are operations of a profile update. What else looks like one is sent
  // beside each of them, and is refused if there is none ("missing_required_field").
  bool has_mixpanel_operations_only = false;
  // An event without a user gets "distinct_id":"".
  bool writes_empty_distinct_id = false;
  // Tokens of updates, and of the events that join identities, are left out: the destination is one
  // project, which has its own.
  bool has_one_token = false;

  // Mixpanel's rules (docs/connectors/mixpanel.md).
  static constexpr RecordRules Mixpanel() {
    return {.max_properties = 254,
            .max_bytes = (1 << 20) - 1,
            .refuses_banned_ids = true,
            .bounds_time = true,
            .checks_identity_events = true,
            .has_mixpanel_operations_only = true,
            .writes_empty_distinct_id = true,
            .has_one_token = true};
  }
};

}  // namespace millrace

#endif  // MILLRACE_BASE_RECORD_RULES_H_

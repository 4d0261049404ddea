// The operations of profile updates.
#ifndef MILLRACE_RECORDS_OPERATIONS_H_
#define MILLRACE_RECORDS_OPERATIONS_H_

#include <string_view>

namespace millrace {

// Those that Mixpanel documents.
bool IsMixpanelOperation(std::string_view name);
// The same, and $increment, an old name of $add.
bool IsKnownOperation(std::string_view name);

// Whether a member of an update with this name is an operation if its value is an object or a list:
// it begins with '$' and is not one of the members that describe the update, such as $mp_metadata.
bool MayBeOperation(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_OPERATIONS_H_

// The body of POST /engage and /groups: updates with the project's token in each. Pure.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_PROFILE_BODY_H_
#define MILLRACE_CONNECTORS_MIXPANEL_PROFILE_BODY_H_

#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "connectors/mixpanel/request_split.h"

namespace millrace::mixpanel {

class ProfileBody {
 public:
  explicit ProfileBody(std::string_view token);

  // True if the update (a JSON object) says itself that it is for another project.
  bool IsForAnotherProject(std::string_view update) const;
  // At most what WriteTo adds to a row.
  size_t added_row_bytes() const { return token_member_.size() + 2; }
  // Replaces `out` by a JSON array of the updates in `rows`, each with "$token" (once).
  void WriteTo(ByteBuffer* out, const Batch& batch, RowRange rows) const;

 private:
  std::string token_;
  std::string token_member_;  // "$token":"..."
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_PROFILE_BODY_H_

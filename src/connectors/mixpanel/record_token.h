// The project token that a record carries.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_RECORD_TOKEN_H_
#define MILLRACE_CONNECTORS_MIXPANEL_RECORD_TOKEN_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/record_type.h"

namespace millrace::mixpanel {

// One thread at a time; reuses its buffers.
class RecordTokenReader {
 public:
  explicit RecordTokenReader(RecordType type);
  ~RecordTokenReader();

  // `token` of the properties of an event, `$token` of a profile update. Empty if there is none, or
  // none that Mixpanel could have made: a text of 1 to 128 visible ASCII characters.
  std::string Read(std::string_view record);

 private:
  struct Parts;
  const RecordType type_;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_RECORD_TOKEN_H_

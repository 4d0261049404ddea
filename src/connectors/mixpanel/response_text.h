// Cleans text from the server for messages, logs and dead letters.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_RESPONSE_TEXT_H_
#define MILLRACE_CONNECTORS_MIXPANEL_RESPONSE_TEXT_H_

#include <string>
#include <string_view>

namespace millrace::mixpanel {

// `text` as valid UTF-8 without control characters, white space joined, at most `most` bytes with
// "..." where it was truncated.
std::string CleanText(std::string_view text, size_t max = 300);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_RESPONSE_TEXT_H_

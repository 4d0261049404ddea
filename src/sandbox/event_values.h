// What expressions and queries see of a stored event: its properties as an export shows them.
#ifndef MILLRACE_SANDBOX_EVENT_VALUES_H_
#define MILLRACE_SANDBOX_EVENT_VALUES_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "sandbox/event_store.h"
#include "sandbox/project_time.h"
#include "sandbox/where_expression.h"

namespace millrace::sandbox {

// Parses the event only if a property of its own is needed. The event must outlive it.
class EventValues {
 public:
  EventValues(const StoredEvent& event, const ProjectTime& project);
  ~EventValues();

  // Times are in seconds, as an export shows them. properties["time"], event["$time"],
  // event["$event"] (the name), and every property; users are unknown.
  nlohmann::json Get(ValuesOf of, std::string_view name);
  // All properties, with those that the server adds.
  nlohmann::json Properties();

 private:
  const nlohmann::json& Own();
  nlohmann::json Added(std::string_view name) const;

  const StoredEvent& event_;
  const int64_t exported_ms_;
  std::unique_ptr<nlohmann::json> own_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EVENT_VALUES_H_

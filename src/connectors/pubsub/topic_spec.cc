#include "connectors/pubsub/topic_spec.h"

#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "connectors/pubsub/resource_name.h"

namespace millrace::pubsub {
namespace {

constexpr std::string_view kScheme = "pubsub://";
constexpr std::string_view kTopics = "/topics/";

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the Pub/Sub destination: ", what));
}

absl::Status ParseTopics(UriQuery& query, TopicSpec& spec) {
  if (!query.head().starts_with(kScheme)) {
    return Invalid("it should be pubsub://PROJECT/TOPIC or pubsub://PROJECT?events=TOPIC");
  }
  const std::string_view rest = std::string_view(query.head()).substr(kScheme.size());
  const size_t slash = rest.find('/');
  spec.project = rest.substr(0, slash);
  std::map<RecordType, std::string> given;
  for (const RecordType type : kAllRecordTypes) {
    if (auto name = query.Take(PluralOf(type))) given[type] = *std::move(name);
  }
  if (slash != std::string_view::npos) {
    if (!given.empty()) {
      return Invalid(
          "pubsub://PROJECT/TOPIC is for all records: take the topic out, or events=, "
          "users= and groups=");
    }
    for (const RecordType type : kAllRecordTypes) given[type] = rest.substr(slash + 1);
  }
  if (given.empty()) {
    for (const RecordType type : kAllRecordTypes) given[type] = PluralOf(type);
  }
  for (const auto& [type, topic] : given) {
    absl::StatusOr<std::string> name = TopicName(StrCat(kScheme, spec.project, "/", topic));
    // The error of TopicName() repeats the text, which may have a secret.
    if (!name.ok()) {
      return Invalid(
          "it should be pubsub://PROJECT/TOPIC: a topic has 3 to 255 letters, digits and -_.~+%, "
          "and "
          "begins with a letter, but not with goog");
    }
    spec.topics[type] = *std::move(name);
  }
  return absl::OkStatus();
}

// True for `yes`, false for `no` and absent.
absl::StatusOr<bool> TakeChoice(UriQuery& query, std::string_view name, std::string_view yes,
                                std::string_view no) {
  const std::optional<std::string> value = query.Take(name);
  if (!value || *value == no) return false;
  if (*value == yes) return true;
  return Invalid(StrCat(name, " is ", yes, " or ", no));
}

absl::Status ParseOptions(UriQuery& query, TopicSpec& spec) {
  if (const auto name = query.Take("form")) {
    const std::optional<Form> form = FormNamed(*name);
    if (!form || *form == Form::kTable) {
      return Invalid("form is raw or flat: messages have no columns");
    }
    spec.form = *form;
  }
  ASSIGN_OR_RETURN(spec.batches, TakeChoice(query, "message", "batch", "record"));
  ASSIGN_OR_RETURN(spec.ordered, TakeChoice(query, "ordering", "distinct_id", "none"));
  ASSIGN_OR_RETURN(const bool bare, TakeChoice(query, "attributes", "none", "all"));
  spec.attributes = !bare;
  return query.CheckAllTaken("events, users, groups, form, message, ordering and attributes");
}

// "TOPIC" of "projects/PROJECT/topics/TOPIC".
std::string_view IdOf(std::string_view topic) {
  return topic.substr(topic.find(kTopics) + kTopics.size());
}

}  // namespace

absl::StatusOr<TopicSpec> TopicSpec::Parse(std::string_view uri) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  TopicSpec spec;
  RETURN_IF_ERROR(ParseTopics(query, spec));
  RETURN_IF_ERROR(ParseOptions(query, spec));
  return spec;
}

std::string TopicSpec::Label() const {
  bool is_usual = topics.size() == std::size(kAllRecordTypes);
  std::string names;
  std::set<std::string_view> seen;
  for (const auto& [type, topic] : topics) {
    is_usual = is_usual && IdOf(topic) == PluralOf(type);
    if (!seen.insert(topic).second) continue;
    StrAppend(&names, names.empty() ? "/" : ",", IdOf(topic));
  }
  return StrCat(kScheme, project, is_usual ? "" : names);
}

std::string TopicSpec::LedgerName(RecordType type, std::string_view emulator) const {
  const auto topic = topics.find(type);
  const std::string_view id = topic == topics.end() ? PluralOf(type) : IdOf(topic->second);
  return StrCat(kScheme, project, "/", id, ":", PluralOf(type), emulator.empty() ? "" : "@",
                emulator);
}

}  // namespace millrace::pubsub

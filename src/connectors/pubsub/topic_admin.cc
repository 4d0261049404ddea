#include "connectors/pubsub/topic_admin.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/connection_internal.h"

namespace millrace::pubsub {
namespace {

namespace wire = google::pubsub::v1;
namespace iam = google::iam::v1;

constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr char kPublish[] = "pubsub.topics.publish";

// `method` makes the call with the context.
template <typename Method>
absl::Status Ask(const Connection& connection, const std::string& topic,
                 const std::stop_token& stop, Method method) {
  const Connection::Rpc& rpc = connection.rpc();
  grpc::ClientContext context;
  const CancelOnStop cancel(context, stop);
  context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
  RETURN_IF_ERROR(rpc.Prepare(context, topic, stop));
  const absl::Status status = PlainStatusOf(method(rpc, context), topic);
  return stop.stop_requested() ? StopRequested() : status;
}

absl::Status Get(const Connection& connection, const std::string& topic,
                 const std::stop_token& stop, wire::Topic& found) {
  wire::GetTopicRequest request;
  request.set_topic(topic);
  return Ask(connection, topic, stop, [&](const auto& rpc, auto& context) {
    return rpc.publisher->GetTopic(&context, request, &found);
  });
}

// The permission if the service grants it, which it tells everyone. It does not tell a topic that
// does not exist from one without the permission.
absl::Status CheckMayPublish(const Connection& connection, const std::string& topic,
                             const std::stop_token& stop) {
  iam::TestIamPermissionsRequest request;
  iam::TestIamPermissionsResponse response;
  request.set_resource(topic);
  request.add_permissions(kPublish);
  const absl::Status asked = Ask(connection, topic, stop, [&](const auto& rpc, auto& context) {
    return rpc.iam->TestIamPermissions(&context, request, &response);
  });
  const bool is_unknown = absl::IsUnimplemented(asked);  // emulators have no permissions
  if (asked.ok() && response.permissions_size() > 0) return asked;
  if (!asked.ok() && !is_unknown) return asked;
  wire::Topic found;
  const absl::Status exists = Get(connection, topic, stop, found);
  if (is_unknown || absl::IsNotFound(exists)) return exists;
  return absl::PermissionDeniedError(StrCat(topic, ": the permission ", kPublish, " is missing"));
}

// "PROJECT" and "TOPIC" of projects/PROJECT/topics/TOPIC.
std::pair<std::string_view, std::string_view> Parts(std::string_view topic) {
  constexpr std::string_view kProjects = "projects/", kTopics = "/topics/";
  const size_t at = topic.find(kTopics);
  return {topic.substr(kProjects.size(), at - kProjects.size()), topic.substr(at + kTopics.size())};
}

std::string PublishRemedy(const absl::Status& status, const std::string& topic) {
  const auto [project, id] = Parts(topic);
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return "";
    case absl::StatusCode::kNotFound:
      return StrCat("millrace destinations create pubsub://", project, "/", id);
    case absl::StatusCode::kPermissionDenied:
      return StrCat("gcloud pubsub topics add-iam-policy-binding ", id, " --project=", project,
                    " --member=serviceAccount:ACCOUNT --role=roles/pubsub.publisher");
    case absl::StatusCode::kUnauthenticated:
      return "set GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login";
    default:
      return "check the network, PUBSUB_EMULATOR_HOST and CLOUD_PUBSUB_ENDPOINT, and try again";
  }
}

// Nullopt if the credentials may not look it up.
std::optional<AccessCheck> CheckReceivers(const Connection& connection, const std::string& topic,
                                          const std::stop_token& stop) {
  wire::ListTopicSubscriptionsRequest request;
  wire::ListTopicSubscriptionsResponse response;
  request.set_topic(topic);
  request.set_page_size(1);
  const absl::Status listed = Ask(connection, topic, stop, [&](const auto& rpc, auto& context) {
    return rpc.publisher->ListTopicSubscriptions(&context, request, &response);
  });
  wire::Topic found;
  if (!listed.ok() || !Get(connection, topic, stop, found).ok()) return std::nullopt;
  AccessCheck check{.what = StrCat("a subscription of ", topic)};
  if (response.subscriptions_size() > 0 || found.has_message_retention_duration()) return check;
  const auto [project, id] = Parts(topic);
  check.status = absl::FailedPreconditionError(
      StrCat(topic, ": it has no subscription and keeps no messages: what is published is lost"));
  check.remedy = StrCat("gcloud pubsub subscriptions create NAME --topic=", id,
                        " --project=", project, " --topic-project=", project);
  return check;
}

// What an account that may only publish needs in addition.
absl::Status Explain(const absl::Status& status, std::string_view doing, std::string_view topic) {
  if (!absl::IsPermissionDenied(status)) return Annotate(status, doing);
  return absl::PermissionDeniedError(
      StrCat(doing, " ", status.message(), "; grant the role roles/pubsub.editor on the project ",
             Parts(topic).first, ", or let somebody with that role do it"));
}

}  // namespace

std::vector<AccessCheck> CheckTopic(Connection& connection, const std::string& topic,
                                    std::stop_token stop) {
  AccessCheck publish{.what = StrCat("publish to ", topic)};
  publish.status = CheckMayPublish(connection, topic, stop);
  publish.remedy = PublishRemedy(publish.status, topic);
  std::vector<AccessCheck> checks = {std::move(publish)};
  if (!checks.front().status.ok()) return checks;
  if (auto receivers = CheckReceivers(connection, topic, stop)) {
    checks.push_back(*std::move(receivers));
  }
  return checks;
}

absl::Status CreateTopic(Connection& connection, const std::string& topic, std::stop_token stop) {
  wire::Topic request, response;
  request.set_name(topic);
  const absl::Status status = Ask(connection, topic, stop, [&](const auto& rpc, auto& context) {
    return rpc.publisher->CreateTopic(&context, request, &response);
  });
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : Explain(status, "creating", topic);
}

absl::Status DeleteTopic(Connection& connection, const std::string& topic, std::stop_token stop) {
  wire::DeleteTopicRequest request;
  request.set_topic(topic);
  google::protobuf::Empty response;
  const absl::Status status = Ask(connection, topic, stop, [&](const auto& rpc, auto& context) {
    return rpc.publisher->DeleteTopic(&context, request, &response);
  });
  return absl::IsNotFound(status) ? absl::OkStatus() : Explain(status, "deleting", topic);
}

}  // namespace millrace::pubsub

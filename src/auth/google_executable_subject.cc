#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_split.h"
#include "auth/google_fetchers.h"
#include "auth/google_subject_token.h"
#include "auth/subprocess.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxOutputBytes = 256 << 10;
constexpr std::string_view kSaml = "urn:ietf:params:oauth:token-type:saml2";

// The token in a program's output (or its output file), as Google defines it: {"version": 1,
// "success", "token_type", "id_token" or "saml_response", "expiration_time"}.
absl::StatusOr<std::string> ParseOutput(const std::string& text, absl::Time now) {
  const Json output = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!output.is_object() || output.value("version", Json()) != 1) {
    return absl::UnauthenticatedError("its output is not the JSON object of version 1");
  }
  if (output.value("success", Json()) != true) {
    const std::string code = TextMemberOr(output, "code", "").value_or("");
    return absl::UnauthenticatedError(
        StrCat("it reports a failure", code.empty() ? "" : ": ", code.substr(0, 100)));
  }
  if (const Json expires = output.value("expiration_time", Json());
      expires.is_number() && absl::FromUnixSeconds(expires.get<int64_t>()) <= now) {
    return absl::UnauthenticatedError("its token has expired");
  }
  ASSIGN_OR_RETURN(const std::string type, TextMember(output, "token_type"));
  return TextMember(output, type == kSaml ? "saml_response" : "id_token");
}

class ExecutableSubjectToken : public SubjectToken {
 public:
  ExecutableSubjectToken(ChildCommand command, std::string output_file, Clock& clock)
      : command_(std::move(command)), output_file_(std::move(output_file)), clock_(clock) {}

  absl::StatusOr<std::string> Get(HttpClient&, std::stop_token stop) override {
    if (absl::StatusOr<std::string> kept = Kept(); kept.ok()) return kept;
    ASSIGN_OR_RETURN(const std::string text, ReadChildOutput(command_, std::move(stop)));
    absl::StatusOr<std::string> token = ParseOutput(text, clock_.Now());
    if (!token.ok()) return Annotate(token.status(), StrCat("running ", command_.arguments[0]));
    return token;
  }

 private:
  // The output file that an earlier call of the program left.
  absl::StatusOr<std::string> Kept() const {
    if (output_file_.empty()) return absl::NotFoundError("no output file");
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(output_file_, kMaxOutputBytes));
    return ParseOutput(text, clock_.Now());
  }

  const ChildCommand command_;
  const std::string output_file_;
  Clock& clock_;
};

}  // namespace

SubjectOr NewExecutableSubjectToken(const Json& executable, const SubjectContext& context,
                                    const GoogleAuthOptions& options) {
  if (options.environment("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES").value_or("") != "1") {
    return absl::PermissionDeniedError(
        "they run a program; if you trust it, set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1");
  }
  if (!executable.is_object()) return absl::InvalidArgumentError("\"executable\" is not an object");
  ASSIGN_OR_RETURN(const std::string line, TextMember(executable, "command"));
  ASSIGN_OR_RETURN(const std::string output_file, TextMemberOr(executable, "output_file", ""));
  ChildCommand command{.arguments = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty()),
                       .max_output_bytes = kMaxOutputBytes};
  if (command.arguments.empty() || !command.arguments[0].starts_with('/')) {
    return absl::InvalidArgumentError("\"command\" does not start with the full path of a program");
  }
  const Json timeout = executable.value("timeout_millis", Json(30'000));
  if (!timeout.is_number_integer()) {
    return absl::InvalidArgumentError("\"timeout_millis\" is not a number");
  }
  command.timeout = absl::Milliseconds(std::clamp<int64_t>(timeout.get<int64_t>(), 1'000, 120'000));
  command.variables = {{"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", context.audience},
                       {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", context.token_type},
                       {"GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0"}};
  if (!context.impersonated_email.empty()) {
    command.variables.emplace_back("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL",
                                   context.impersonated_email);
  }
  if (!output_file.empty()) {
    command.variables.emplace_back("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", output_file);
  }
  return std::make_unique<ExecutableSubjectToken>(std::move(command), output_file, options.clock);
}

}  // namespace millrace
